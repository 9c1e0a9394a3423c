#include "agent/capture/waker.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <utility>

namespace shadowtap::capture {
namespace {

constexpr std::size_t kHeader = 8;  // of each record: kernel/bpf/ringbuf.c, bpf_ringbuf_hdr

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::size_t producer_bytes() { return 3 * page_size(); }  // the position, and one page twice

}  // namespace

Result<Waker> Waker::create() {
  const std::size_t page = page_size();
  Waker waker(UniqueFd(::bpf_map_create(BPF_MAP_TYPE_RINGBUF, "shadowtap_waker", 0, 0,
                                        static_cast<std::uint32_t>(page), nullptr)));
  if (!waker.fd_) return errno_error("create a waker");
  void* consumer = ::mmap(nullptr, page, PROT_READ | PROT_WRITE, MAP_SHARED, waker.fd_.get(), 0);
  if (consumer == MAP_FAILED) return errno_error("map a waker");
  waker.consumer_ = static_cast<std::uint64_t*>(consumer);
  void* producer = ::mmap(nullptr, producer_bytes(), PROT_READ, MAP_SHARED, waker.fd_.get(),
                          static_cast<off_t>(page));
  if (producer == MAP_FAILED) return errno_error("map a waker's data");
  waker.producer_ = static_cast<const std::uint64_t*>(producer);
  return waker;
}

Waker::Waker(Waker&& other) noexcept
    : fd_(std::move(other.fd_)),
      consumer_(std::exchange(other.consumer_, nullptr)),
      producer_(std::exchange(other.producer_, nullptr)) {}

Waker::~Waker() {
  if (consumer_) ::munmap(consumer_, page_size());
  if (producer_) ::munmap(const_cast<std::uint64_t*>(producer_), producer_bytes());
}

// Never past a token that is not submitted yet: its place must not be given away.
void Waker::clear() {
  const char* data = reinterpret_cast<const char*>(producer_) + page_size();
  std::uint64_t position = __atomic_load_n(consumer_, __ATOMIC_RELAXED);
  while (position < __atomic_load_n(producer_, __ATOMIC_ACQUIRE)) {
    const std::uint32_t word = __atomic_load_n(
        reinterpret_cast<const std::uint32_t*>(data + (position & (page_size() - 1))),
        __ATOMIC_ACQUIRE);
    if (word & BPF_RINGBUF_BUSY_BIT) break;
    position += kHeader + ((word & ~BPF_RINGBUF_DISCARD_BIT) + 7) / 8 * 8;
  }
  __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
}

}  // namespace shadowtap::capture
