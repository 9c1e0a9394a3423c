#include "agent/capture/ring.h"

#include <linux/bpf.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cstring>

#include "agent/capture/record.h"

namespace shadowtap::capture {
namespace {

// The header of each record in a BPF ring: kernel/bpf/ringbuf.c, struct bpf_ringbuf_hdr.
struct RecordHeader {
  std::uint32_t length;
  std::uint32_t page_offset;
};

constexpr std::uint64_t aligned(std::uint32_t length) {
  return (std::uint64_t{length} + sizeof(RecordHeader) + 7) & ~std::uint64_t{7};
}

// The consumer's position is published at least this often, so that the producer never
// waits for room behind a long drain.
constexpr std::uint64_t kPublishBytes = 256 << 10;

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

std::uint64_t coarse_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

MappedRing::MappedRing(UniqueFd fd, std::size_t bytes, const RingWords& words)
    : fd_(std::move(fd)), bytes_(bytes), words_(words) {}

Result<std::unique_ptr<MappedRing>> MappedRing::map(UniqueFd fd, std::size_t bytes,
                                                    const RingWords& words) {
  std::unique_ptr<MappedRing> ring(new MappedRing(std::move(fd), bytes, words));
  void* consumer = ::mmap(nullptr, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED,
                          ring->fd_.get(), 0);
  if (consumer == MAP_FAILED) return errno_error("map the ring's consumer page");
  ring->consumer_ = static_cast<std::uint64_t*>(consumer);
  void* producer = ::mmap(nullptr, page_size() + 2 * bytes, PROT_READ, MAP_SHARED,
                          ring->fd_.get(), static_cast<off_t>(page_size()));
  if (producer == MAP_FAILED) return errno_error("map the ring's data");
  ring->producer_ = static_cast<const std::uint64_t*>(producer);
  ring->data_ = static_cast<const char*>(producer) + page_size();
  return ring;
}

MappedRing::~MappedRing() {
  if (consumer_) ::munmap(consumer_, page_size());
  if (producer_) ::munmap(const_cast<std::uint64_t*>(producer_), page_size() + 2 * bytes_);
}

void MappedRing::renew_heartbeat() {
  __atomic_store_n(&words_.shard->heartbeat_ns, coarse_now_ns(), __ATOMIC_RELEASE);
  if (__atomic_load_n(words_.enabled, __ATOMIC_RELAXED) == 0)
    __atomic_store_n(words_.enabled, 1U, __ATOMIC_RELEASE);
}

std::size_t MappedRing::drain(std::size_t budget,
                              const std::function<void(const net::Segment&)>& take) {
  renew_heartbeat();
  std::uint64_t position = __atomic_load_n(consumer_, __ATOMIC_RELAXED);
  std::uint64_t published = position;
  std::size_t passed = 0;
  while (passed < budget) {
    if (position >= __atomic_load_n(producer_, __ATOMIC_ACQUIRE)) break;
    const char* at = data_ + (position & (bytes_ - 1));
    const std::uint32_t word = __atomic_load_n(
        reinterpret_cast<const std::uint32_t*>(at), __ATOMIC_ACQUIRE);
    if (word & BPF_RINGBUF_BUSY_BIT) break;
    const std::uint32_t length = word & ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
    if (!(word & BPF_RINGBUF_DISCARD_BIT)) {
      take(to_segment(*reinterpret_cast<const shadowtap_record*>(at + sizeof(RecordHeader))));
      ++passed;
    }
    position += aligned(length);
    if (position - published < kPublishBytes) continue;
    __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
    published = position;
  }
  __atomic_store_n(consumer_, position, __ATOMIC_RELEASE);
  return passed;
}

// Compares positions, not records: a record that is reserved but not yet submitted will
// be submitted without waking us, because its producer looked before we armed.
bool MappedRing::arm() {
  __atomic_store_n(&words_.shard->armed, 1U, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (__atomic_load_n(producer_, __ATOMIC_ACQUIRE) ==
      __atomic_load_n(consumer_, __ATOMIC_RELAXED))
    return true;
  disarm();
  return false;
}

void MappedRing::disarm() { __atomic_store_n(&words_.shard->armed, 0U, __ATOMIC_RELAXED); }

double MappedRing::fill() const {
  const std::uint64_t consumer = __atomic_load_n(consumer_, __ATOMIC_RELAXED);
  const std::uint64_t producer = __atomic_load_n(producer_, __ATOMIC_RELAXED);
  return producer <= consumer
             ? 0.0
             : static_cast<double>(producer - consumer) / static_cast<double>(bytes_);
}

void MappedRing::skip(const net::FlowVerdict& verdict) {
  const shadowtap_flow_key key = to_key(verdict.flow);
  const std::uint64_t hash = shadowtap_flow_hash(words_.secret, &key);
  const std::uint32_t direction = to_kernel(verdict.direction);
  const bool for_ever = verdict.kind == net::SkipKind::kForEver;
  const std::uint64_t word = shadowtap_verdict_word(
      hash, for_ever ? SHADOWTAP_SKIP_FOR_EVER : SHADOWTAP_SKIP_UNTIL,
      for_ever ? 0 : verdict.until);
  __atomic_store_n(&words_.verdicts[shadowtap_verdict_index(hash, direction)], word,
                   __ATOMIC_RELAXED);
  if (*words_.has_verdicts == 0) *words_.has_verdicts = 1;
}

}  // namespace shadowtap::capture
