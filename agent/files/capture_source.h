// A capture file as a shard's source, at the capture's own pace times `speed`, or as fast
// as the shard takes it. One consumer: the shard's thread.
#pragma once

#include <memory>
#include <optional>

#include "agent/files/capture_file.h"
#include "agent/net/segment_source.h"

namespace shadowtap::files {

class CaptureSource final : public net::SegmentSource {
 public:
  // No speed: as fast as possible.
  CaptureSource(std::unique_ptr<CaptureFile> file, std::optional<double> speed);

  std::size_t drain(std::size_t budget,
                    const std::function<void(const net::Segment&)>& take) override;
  int descriptor() const override { return -1; }
  bool arm() override { return !is_due(std::chrono::steady_clock::now()); }
  void disarm() override {}
  bool ended() const override { return ended_; }
  bool waits() const override { return true; }
  Time clock(Time now) const override;
  void skip(const net::FlowVerdict&) override {}

  const CaptureFile& file() const { return *file_; }

 private:
  void advance();
  bool is_due(Time now) const;

  std::unique_ptr<CaptureFile> file_;
  std::optional<double> speed_;
  net::Segment next_;
  Time first_;      // of the capture
  Time started_{};  // by the clock
  Time last_;       // passed on
  bool ended_ = false;
};

}  // namespace shadowtap::files
