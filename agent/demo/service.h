// The demo's little shop: one HTTP service in three releases. Every copy carries the
// noise of a real service (a timestamp, a request id); the candidate carries planted
// differences besides. Nothing here is used outside `shadowtap demo`.
//
// Each service runs its own thread; start() returns when it listens.
#pragma once

#include <cstdint>
#include <memory>

#include "agent/base/result.h"

namespace shadowtap::demo {

enum class Release : std::uint8_t { kOriginal, kSecondCopy, kCandidate };

class Service {
 public:
  static Result<std::unique_ptr<Service>> start(Release release);
  ~Service();  // stops and joins

  std::uint16_t port() const;  // on 127.0.0.1

 private:
  struct State;
  explicit Service(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace shadowtap::demo
