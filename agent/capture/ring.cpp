#include "agent/capture/ring.h"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <bit>

#include "agent/capture/record.h"

namespace shadowtap::capture {
namespace {

// The consumer's position is published at least this often, and eight times a round of a small
// ring, so that the producer never waits for room behind a long drain.
constexpr std::uint64_t kPublishBytes = 256 << 10;
constexpr std::uint64_t kPositions = ~std::uint64_t{0} >> SHADOWTAP_BASE_BITS;

std::uint64_t coarse_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

}  // namespace

RingLayout::RingLayout(std::size_t size)
    : bytes(size),
      segment_bits(static_cast<std::uint32_t>(
          std::countr_zero(std::min<std::size_t>(size, SHADOWTAP_MAX_SEGMENT)))),
      segments(static_cast<std::uint32_t>(size >> segment_bits)) {}

std::size_t RingLayout::element_bytes() const {
  return (std::size_t{1} << segment_bits) + SHADOWTAP_BEHIND_SEGMENT;
}

MappedRing::MappedRing(UniqueFd array, const RingLayout& layout, Waker waker,
                       const RingWords& words)
    : array_(std::move(array)), layout_(layout), waker_(std::move(waker)), words_(words) {}

Result<std::unique_ptr<MappedRing>> MappedRing::map(UniqueFd array, const RingLayout& layout,
                                                    Waker waker, const RingWords& words) {
  std::unique_ptr<MappedRing> ring(
      new MappedRing(std::move(array), layout, std::move(waker), words));
  void* data = ::mmap(nullptr, layout.mapped_bytes(), PROT_READ, MAP_SHARED, ring->array_.get(), 0);
  if (data == MAP_FAILED) return errno_error("map a ring");
  ring->data_ = static_cast<const char*>(data);
  return ring;
}

MappedRing::~MappedRing() {
  if (data_) ::munmap(const_cast<char*>(data_), layout_.mapped_bytes());
}

void MappedRing::renew_heartbeat() {
  __atomic_store_n(&words_.shard->heartbeat_ns, coarse_now_ns(), __ATOMIC_RELEASE);
  if (__atomic_load_n(words_.enabled, __ATOMIC_RELAXED) == 0)
    __atomic_store_n(words_.enabled, 1U, __ATOMIC_RELEASE);
}

const shadowtap_record& MappedRing::record_at(std::uint64_t position) const {
  const std::uint64_t place =
      shadowtap_place(position << SHADOWTAP_BASE_BITS | base_, layout_.bytes);
  const std::uint64_t segment = place >> layout_.segment_bits;
  const std::uint64_t offset = place & ((std::uint64_t{1} << layout_.segment_bits) - 1);
  return *reinterpret_cast<const shadowtap_record*>(data_ + segment * layout_.element_bytes() +
                                                    offset);
}

// Does not look at the producer's word, which would take its cache line from the processors
// that write it: the next record is there when its first word says so.
std::size_t MappedRing::drain(std::size_t budget,
                              const std::function<void(const net::Segment&)>& take) {
  renew_heartbeat();
  auto& consumer = words_.shard->consumer;
  std::uint64_t position = __atomic_load_n(&consumer, __ATOMIC_RELAXED);
  std::uint64_t published = position;
  const std::uint64_t publish_units = std::min<std::uint64_t>(kPublishBytes, layout_.bytes / 8) / 8;
  std::size_t looked = 0, passed = 0;
  for (; looked < budget; ++looked) {
    const shadowtap_record& record = record_at(position);
    if (__atomic_load_n(&record.committed, __ATOMIC_ACQUIRE) != (position ^ words_.secret)) break;
    if (!record.unreadable) {
      take(to_segment(record));
      ++passed;
    }
    position = (position + shadowtap_record_size(record.captured) / 8) & kPositions;
    if (position - published < publish_units) continue;
    __atomic_store_n(&consumer, position, __ATOMIC_RELEASE);
    published = position;
  }
  if (position != published) __atomic_store_n(&consumer, position, __ATOMIC_RELEASE);
  if (looked < budget) begin_anew(position);
  return passed;
}

// Where nobody took a place since: then all before is read, and nothing is under way.
void MappedRing::begin_anew(std::uint64_t position) {
  std::uint64_t expected = position << SHADOWTAP_BASE_BITS | base_;
  const std::uint64_t anew = shadowtap_rebased(position);
  if (expected == anew) return;
  auto* const producer = reinterpret_cast<std::uint64_t*>(&words_.shard->producer);
  if (__atomic_compare_exchange_n(producer, &expected, anew, false, __ATOMIC_ACQ_REL,
                                  __ATOMIC_RELAXED))
    base_ = anew & ((std::uint64_t{1} << SHADOWTAP_BASE_BITS) - 1);
}

// Compares positions, not records: a record that has its place but is not committed yet may
// have been behind its look at `armed`.
bool MappedRing::arm() {
  __atomic_store_n(&words_.shard->armed, 1U, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (shadowtap_position(__atomic_load_n(&words_.shard->producer, __ATOMIC_ACQUIRE)) ==
      __atomic_load_n(&words_.shard->consumer, __ATOMIC_RELAXED))
    return true;
  disarm();
  return false;
}

void MappedRing::disarm() {
  __atomic_store_n(&words_.shard->armed, 0U, __ATOMIC_RELAXED);
  waker_.clear();
}

double MappedRing::fill() const {
  const std::uint64_t consumer = __atomic_load_n(&words_.shard->consumer, __ATOMIC_RELAXED);
  const std::uint64_t producer = __atomic_load_n(&words_.shard->producer, __ATOMIC_RELAXED);
  const std::int64_t used = shadowtap_used(producer, consumer) >> SHADOWTAP_STEP_SHIFT;
  return used <= 0 ? 0.0 : static_cast<double>(used) / static_cast<double>(layout_.bytes);
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
