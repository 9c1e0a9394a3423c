// Turns host names into addresses, off the data path: one thread of its own asks
// getaddrinfo (which blocks and cannot be cancelled) every `interval` and publishes the
// list; shards read the published list when they open a connection.
//
// Thread-safe. Owned by the agent, outlives every dispatcher. The thread starts with the
// first name, never for literal addresses.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "agent/base/endpoint.h"
#include "agent/base/time.h"

namespace shadowtap::shadow {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  int family() const { return storage.ss_family; }
  std::optional<Endpoint> endpoint() const;  // none for a Unix socket
  // "10.0.0.1:80", "[::1]:80", "/run/app.sock"
  std::string to_string() const;
  bool operator==(const SocketAddress& other) const;
};

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port);
SocketAddress unix_address(const std::string& path);

// What is known of one name.
struct Addresses {
  std::vector<SocketAddress> list;  // the newest that was not empty
  bool answered = false;            // the resolver has spoken at least once
  bool failing = false;             // its last word was an error
};

// Where one name's addresses are published. Reading takes no lock that a resolver
// holds while it asks.
class ResolvedName {
 public:
  std::shared_ptr<const Addresses> addresses() const {
    return std::atomic_load_explicit(&published_, std::memory_order_acquire);
  }

 private:
  friend class Resolver;
  std::shared_ptr<const Addresses> published_ = std::make_shared<Addresses>();
};

class Resolver {
 public:
  Resolver();
  // Leaves a hanging look-up behind rather than wait for it.
  ~Resolver();

  // Asks now and every `interval` as long as somebody holds the result. All who follow
  // the same name share one.
  std::shared_ptr<const ResolvedName> follow(const std::string& host, std::uint16_t port,
                                             Duration interval);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the thread, which may outlive us
  bool started_ = false;
};

}  // namespace shadowtap::shadow
