// Where a shard's segments come from: a ring of the live tap, or a file. The shard
// drains it before everything else and sleeps on its descriptor.
//
// One consumer: the shard's thread.
#pragma once

#include <cstddef>
#include <functional>

#include "agent/net/flow_verdict.h"
#include "agent/net/segment.h"

namespace shadowtap::net {

class SegmentSource {
 public:
  virtual ~SegmentSource() = default;

  // Passes up to `budget` segments to `take`; each is valid only during its call.
  // Returns how many were passed.
  virtual std::size_t drain(std::size_t budget,
                            const std::function<void(const Segment&)>& take) = 0;

  // An epoll descriptor that becomes readable when segments came after arm(); -1: none,
  // the shard polls.
  virtual int descriptor() const = 0;
  // Before sleeping. False: segments are there already, do not sleep.
  virtual bool arm() = 0;
  virtual void disarm() = 0;

  // No more segments will ever come (a file's end). Live taps never end.
  virtual bool ended() const { return false; }

  // A file can wait for the shard; a wire cannot.
  virtual bool waits() const { return false; }
  // The time of what is drained: the clock's for a live tap, the capture's for a file.
  virtual Time clock(Time now) const { return now; }

  // Asks the source to leave out the rest of a flow's direction; a wish, not a promise.
  virtual void skip(const FlowVerdict& verdict) = 0;
};

}  // namespace shadowtap::net
