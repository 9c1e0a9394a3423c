// Blocking TCP between two ends in one process: a vocabulary for live tests. Addresses
// are numeric; every end closes with its object.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/base/unique_fd.h"

namespace shadowtap::testing {

// A connected end. Fails the test where a call fails.
class Peer {
 public:
  explicit Peer(UniqueFd fd) : fd_(std::move(fd)) {}
  void sends(std::string_view bytes);
  std::string receives(std::size_t bytes);
  void closes() { fd_.reset(); }
  void resets();  // closes with RST
  int descriptor() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

class Listener {
 public:
  Listener(const std::string& address, std::uint16_t port);  // port 0: any
  std::uint16_t port() const { return port_; }
  Peer accepts();

 private:
  UniqueFd fd_;
  std::uint16_t port_ = 0;
};

// `mark`: SO_MARK of the socket, 0 for none. `from`: its own address, empty for any.
Peer connect_to(const std::string& address, std::uint16_t port, std::uint32_t mark = 0,
                const std::string& from = "");

}  // namespace shadowtap::testing
