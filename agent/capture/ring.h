// One shard's ring, mapped into this process and read record by record: bpf/ring.bpf.h is
// the other side, bpf/shadowtap_event.h what both agree on.
//
// A ring of `bytes` is an array of segments; each has room behind it for the end of a record
// that begins in its last bytes, so that every record is contiguous.
//
// Single consumer: the shard's thread. fill() may be called from anywhere.
#pragma once

#include <cstdint>

#include "agent/base/unique_fd.h"
#include "agent/capture/tap.h"
#include "agent/capture/waker.h"

struct shadowtap_record;
struct shadowtap_shard;

namespace shadowtap::capture {

struct RingLayout {
  // `bytes` is a power of two, at least 128 KiB.
  explicit RingLayout(std::size_t bytes);

  std::size_t element_bytes() const;  // a segment and the room behind it: whole pages
  std::size_t mapped_bytes() const { return segments * element_bytes(); }

  std::size_t bytes;
  std::uint32_t segment_bits;
  std::uint32_t segments;
};

// What a ring shares with the kernel beside its memory; owned by the KernelObject.
struct RingWords {
  shadowtap_shard* shard = nullptr;         // heartbeat, positions and armed
  volatile std::uint32_t* enabled = nullptr;  // the program's first look; it may clear it
  std::uint64_t* verdicts = nullptr;        // SHADOWTAP_VERDICTS words
  volatile std::uint32_t* has_verdicts = nullptr;  // the program reads none before this is set
  std::uint64_t secret = 0;                 // of the flow hash, and of what is committed
};

class MappedRing final : public Ring {
 public:
  // Maps the array behind `array`, which has this layout.
  static Result<std::unique_ptr<MappedRing>> map(UniqueFd array, const RingLayout& layout,
                                                 Waker waker, const RingWords& words);
  ~MappedRing() override;
  MappedRing(const MappedRing&) = delete;
  MappedRing& operator=(const MappedRing&) = delete;

  std::size_t drain(std::size_t budget,
                    const std::function<void(const net::Segment&)>& take) override;
  int descriptor() const override { return waker_.descriptor(); }
  bool arm() override;
  void disarm() override;
  double fill() const override;
  void skip(const net::FlowVerdict& verdict) override;

  std::size_t bytes() const { return layout_.mapped_bytes(); }

 private:
  MappedRing(UniqueFd array, const RingLayout& layout, Waker waker, const RingWords& words);
  void renew_heartbeat();
  const shadowtap_record& record_at(std::uint64_t position) const;
  void begin_anew(std::uint64_t position);

  UniqueFd array_;
  RingLayout layout_;
  Waker waker_;
  RingWords words_;
  const char* data_ = nullptr;
  std::uint64_t base_ = 0;  // of the producer's word
};

}  // namespace shadowtap::capture
