// A ring of the live tap as a shard's source. The one place where shards and capture meet.
#pragma once

#include "agent/capture/tap.h"
#include "agent/net/segment_source.h"

namespace shadowtap {

class RingSource : public net::SegmentSource {
 public:
  explicit RingSource(capture::Ring& ring) : ring_(ring) {}

  std::size_t drain(std::size_t budget,
                    const std::function<void(const net::Segment&)>& take) override {
    return ring_.drain(budget, take);
  }
  int descriptor() const override { return ring_.descriptor(); }
  bool arm() override { return ring_.arm(); }
  void disarm() override { ring_.disarm(); }
  void skip(const net::FlowVerdict& verdict) override { ring_.skip(verdict); }

 private:
  capture::Ring& ring_;
};

}  // namespace shadowtap
