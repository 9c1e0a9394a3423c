// One BPF ring buffer mapped into this process, read record by record.
//
// We map and consume it ourselves because libbpf 1.1 offers neither a budget nor the
// fill level. Knows the layout of the kernel's ring (kernel/bpf/ringbuf.c) and of our
// records, nothing of who asks.
//
// Single consumer: the shard's thread. fill() may be called from anywhere.
#pragma once

#include <atomic>
#include <cstdint>

#include "agent/base/counter.h"
#include "agent/base/unique_fd.h"
#include "agent/capture/tap.h"

struct shadowtap_record;
struct shadowtap_shard;

namespace shadowtap::capture {

// What a ring shares with the kernel beside its memory; owned by the KernelObject.
struct RingWords {
  shadowtap_shard* shard = nullptr;         // heartbeat and armed
  volatile std::uint32_t* enabled = nullptr;  // the program's first look; it may clear it
  std::uint64_t* verdicts = nullptr;        // SHADOWTAP_VERDICTS words
  volatile std::uint32_t* has_verdicts = nullptr;  // the program reads none before this is set
  std::uint64_t secret = 0;                 // of the flow hash
};

class MappedRing final : public Ring {
 public:
  // Maps the ring behind `fd`, which holds `bytes` (a power of two) of records.
  static Result<std::unique_ptr<MappedRing>> map(UniqueFd fd, std::size_t bytes,
                                                 const RingWords& words);
  ~MappedRing() override;
  MappedRing(const MappedRing&) = delete;
  MappedRing& operator=(const MappedRing&) = delete;

  std::size_t drain(std::size_t budget,
                    const std::function<void(const net::Segment&)>& take) override;
  int descriptor() const override { return fd_.get(); }
  bool arm() override;
  void disarm() override;
  double fill() const override;
  void skip(const net::FlowVerdict& verdict) override;

  std::size_t bytes() const { return bytes_; }

 private:
  MappedRing(UniqueFd fd, std::size_t bytes, const RingWords& words);
  void renew_heartbeat();

  UniqueFd fd_;
  std::size_t bytes_;
  RingWords words_;
  std::uint64_t* consumer_ = nullptr;        // position; one page, writable
  const std::uint64_t* producer_ = nullptr;  // position; one page, then the data twice
  const char* data_ = nullptr;
};

}  // namespace shadowtap::capture
