// A .gor recording as a shard's source. It holds whole exchanges, not segments: drain()
// tells them to the shard's sink at the recording's pace times `speed`.
//
// One consumer: the shard's thread.
#pragma once

#include <memory>
#include <optional>

#include "agent/files/gor_reader.h"
#include "agent/net/segment_source.h"

namespace shadowtap {

class RecordingSource final : public net::SegmentSource {
 public:
  // No speed: as fast as the shard takes it.
  RecordingSource(std::unique_ptr<files::GorReader> reader, std::optional<double> speed)
      : reader_(std::move(reader)), speed_(speed) {}

  // Before the first drain(). `sink` outlives this.
  void tell(http::ExchangeSink& sink) { sink_ = &sink; }

  std::size_t drain(std::size_t budget,
                    const std::function<void(const net::Segment&)>& take) override;
  int descriptor() const override { return -1; }
  bool arm() override { return true; }
  void disarm() override {}
  bool ended() const override { return ended_; }
  bool waits() const override { return true; }
  Time clock(Time) const override { return reader_->time(); }
  void skip(const net::FlowVerdict&) override {}

  const files::GorReader& reader() const { return *reader_; }

 private:
  bool is_due(Time now) const;

  std::unique_ptr<files::GorReader> reader_;
  std::optional<double> speed_;
  http::ExchangeSink* sink_ = nullptr;
  std::optional<Time> started_;  // by the clock, at the first record
  Time first_;                   // of the recording
  bool ended_ = false;
};

}  // namespace shadowtap
