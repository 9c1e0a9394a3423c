// What wakes a sleeping shard: a BPF ring buffer of one page. Only a program's submit to
// such a map can make a descriptor readable; what stands in it means nothing.
//
// Knows the layout of the kernel's ring (kernel/bpf/ringbuf.c). One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::capture {

class Waker {
 public:
  static Result<Waker> create();
  ~Waker();
  Waker(Waker&& other) noexcept;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  // Readable from a wake-up until clear().
  int descriptor() const { return fd_.get(); }
  void clear();

 private:
  explicit Waker(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::uint64_t* consumer_ = nullptr;        // position; one page, writable
  const std::uint64_t* producer_ = nullptr;  // position; one page, then the data twice
};

}  // namespace shadowtap::capture
