// A non-blocking byte stream over a connected descriptor, plain or TLS. Knows no HTTP
// and never waits: it says what it waits for. Owned by one Connection.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/shadow/options.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace shadowtap::shadow {

struct SslDeleter {
  void operator()(SSL* ssl) const;
  void operator()(SSL_CTX* context) const;
};

// What all TLS connections of one target share: trust, client certificate, session.
class TlsContext {
 public:
  // `host`: the name to verify and to send, unless the options name another.
  static Result<std::shared_ptr<TlsContext>> create(const TlsOptions& options,
                                                    const std::string& host);

 private:
  friend class Wire;
  std::unique_ptr<SSL_CTX, SslDeleter> context_;
  std::string server_name_;
  bool name_is_address_ = false;
  bool insecure_ = false;
};

class Wire {
 public:
  Wire() = default;
  Wire(const Wire&) = delete;  // TLS reads and writes through its address
  Wire& operator=(const Wire&) = delete;

  enum class Io : std::uint8_t { kDone, kWantRead, kWantWrite, kClosed, kFailed };

  // `tls` may be null. The descriptor stays its owner's.
  void attach(int descriptor, const TlsContext* tls);
  void detach();

  // TLS only; kDone at once without it.
  Io handshake();
  // Sends from the front of `bytes` and removes what was taken. kDone: all of it.
  Io write(std::string_view& bytes);
  // kDone: `size` bytes (more than 0) stand in `buffer`.
  Io read(std::span<char> buffer, std::size_t& size);
  // How long the last of what was read had been here by then, as the kernel saw it; 0
  // where it does not say (Unix sockets).
  Duration waited() const { return waited_; }

 private:
  friend struct WireBio;
  Io tls_outcome(int result);
  ssize_t receive(char* data, std::size_t size);

  int descriptor_ = -1;
  Duration waited_{};
  std::unique_ptr<SSL, SslDeleter> ssl_;
};

}  // namespace shadowtap::shadow
