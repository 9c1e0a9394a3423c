#include "agent/shadow/wire.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "agent/shadow/resolver.h"

namespace shadowtap::shadow {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL, so a target that hangs up would
// end the process with SIGPIPE.
struct WireBio {
  static Wire& wire(BIO* bio) { return *static_cast<Wire*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent =
        ::send(wire(bio).descriptor_, data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static int read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t got = wire(bio).receive(data, static_cast<std::size_t>(size));
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static const BIO_METHOD* method() {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shadowtap");
      BIO_meth_set_write(made, write);
      BIO_meth_set_read(made, read);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return method;
  }
};

namespace {

// Since the kernel got the last of what was received (SO_TIMESTAMPNS: wall time).
Duration age_of(msghdr& message) {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec came{};
    std::memcpy(&came, CMSG_DATA(part), sizeof came);
    const Duration now = std::chrono::system_clock::now().time_since_epoch();
    const Duration then = std::chrono::seconds(came.tv_sec) + Duration(came.tv_nsec);
    return std::max(now - then, Duration{});
  }
  return {};
}

Error tls_error(const std::string& what) {
  char text[256] = "unknown";
  if (const unsigned long code = ERR_get_error(); code != 0) {
    ERR_error_string_n(code, text, sizeof text);
  }
  ERR_clear_error();
  return plain_error(what + ": " + text);
}

Result<> load_trust(SSL_CTX* context, const TlsOptions& options) {
  if (options.ca_file.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
    return tls_error("load the system's certificate authorities");
  }
  if (SSL_CTX_load_verify_locations(context, options.ca_file.c_str(), nullptr) == 1) return {};
  return tls_error("load certificate authorities from " + options.ca_file);
}

Result<> load_certificate(SSL_CTX* context, const TlsOptions& options) {
  if (options.certificate_file.empty()) return {};
  if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
    return tls_error("load certificate " + options.certificate_file);
  }
  const std::string& key =
      options.key_file.empty() ? options.certificate_file : options.key_file;
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return tls_error("load private key " + key);
  }
  return {};
}

}  // namespace

void SslDeleter::operator()(SSL* ssl) const {
  SSL_free(ssl);
}
void SslDeleter::operator()(SSL_CTX* context) const {
  SSL_CTX_free(context);
}

Result<std::shared_ptr<TlsContext>> TlsContext::create(const TlsOptions& options,
                                                       const std::string& host) {
  auto tls = std::make_shared<TlsContext>();
  tls->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = tls->context_.get();
  if (context == nullptr) return tls_error("prepare TLS");
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // A server that closes without close_notify still ended its response.
  SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_verify(context, options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (auto trust = load_trust(context, options); !trust) return trust.error();
  if (auto certificate = load_certificate(context, options); !certificate) {
    return certificate.error();
  }
  tls->server_name_ = options.server_name.empty() ? host : options.server_name;
  tls->name_is_address_ = literal_address(tls->server_name_, 0).has_value();
  tls->insecure_ = options.insecure;
  return tls;
}

void Wire::attach(int descriptor, const TlsContext* tls) {
  descriptor_ = descriptor;
  if (tls == nullptr) return;
  ssl_.reset(SSL_new(tls->context_.get()));
  BIO* bio = BIO_new(WireBio::method());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_connect_state(ssl_.get());
  const std::string& name = tls->server_name_;
  if (tls->name_is_address_) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), name.c_str());
    return;
  }
  SSL_set_tlsext_host_name(ssl_.get(), name.c_str());
  SSL_set1_host(ssl_.get(), name.c_str());
}

void Wire::detach() {
  ssl_.reset();
  descriptor_ = -1;
}

Wire::Io Wire::handshake() {
  return ssl_ ? tls_outcome(SSL_do_handshake(ssl_.get())) : Io::kDone;
}

Wire::Io Wire::write(std::string_view& bytes) {
  while (!bytes.empty()) {
    ssize_t sent = 0;
    if (ssl_) {
      const auto size = static_cast<int>(std::min<std::size_t>(bytes.size(), 1 << 30));
      const int result = SSL_write(ssl_.get(), bytes.data(), size);
      if (result <= 0) return tls_outcome(result);
      sent = result;
    } else {
      sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return errno == EAGAIN ? Io::kWantWrite : Io::kFailed;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return Io::kDone;
}

Wire::Io Wire::read(std::span<char> buffer, std::size_t& size) {
  if (ssl_) {
    const int result = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
    if (result <= 0) return tls_outcome(result);
    size = static_cast<std::size_t>(result);
    return Io::kDone;
  }
  ssize_t got = 0;
  do {
    got = receive(buffer.data(), buffer.size());
  } while (got < 0 && errno == EINTR);
  if (got == 0) return Io::kClosed;
  if (got < 0) return errno == EAGAIN ? Io::kWantRead : Io::kFailed;
  size = static_cast<std::size_t>(got);
  return Io::kDone;
}

ssize_t Wire::receive(char* data, std::size_t size) {
  iovec part{data, size};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = ::recvmsg(descriptor_, &message, 0);
  waited_ = got > 0 ? age_of(message) : Duration{};
  return got;
}

Wire::Io Wire::tls_outcome(int result) {
  if (result > 0) return Io::kDone;
  const int why = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  if (why == SSL_ERROR_WANT_READ) return Io::kWantRead;
  if (why == SSL_ERROR_WANT_WRITE) return Io::kWantWrite;
  return why == SSL_ERROR_ZERO_RETURN ? Io::kClosed : Io::kFailed;
}

}  // namespace shadowtap::shadow
