// The demo's users: several keep-alive connections that walk through the shop at a
// steady, modest rate. Runs its own thread; the destructor stops and joins it.
#pragma once

#include <cstdint>
#include <memory>

namespace shadowtap::demo {

class Traffic {
 public:
  explicit Traffic(std::uint16_t port);  // on 127.0.0.1
  ~Traffic();

  std::uint64_t requests() const;  // answered so far

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace shadowtap::demo
