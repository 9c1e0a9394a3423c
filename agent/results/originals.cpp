#include "agent/results/originals.h"

#include "agent/http/decode.h"
#include "diff/response_diff.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxDecoded = 4 << 20;
constexpr std::uint64_t kMaxSteps = 1'000'000;  // of a diff on the control thread

std::size_t cost_of(const http::Response& response) {
  return sizeof(KeptOriginal) + 64 + response.headers.bytes() + response.body.bytes.size();
}

class Readable {
 public:
  Readable(const http::Response& response, bool head, bool with_body) {
    for (std::size_t i = 0; i < response.headers.size(); ++i) {
      lines_.push_back({response.headers.name(i), response.headers.value(i)});
    }
    view_.status = response.status;
    view_.head = head;
    view_.headers = lines_;
    if (!with_body) return;
    view_.body = response.body.bytes;
    const auto coding = response.headers.find("Content-Encoding");
    if (!coding || coding->empty()) return;
    http::DecodedBody decoded = http::decode_body(*coding, response.body.bytes, kMaxDecoded);
    if (decoded.outcome != http::Decoding::kDecoded) return;
    decoded_ = std::move(decoded.bytes);
    view_.body = decoded_;
    view_.coding = *coding;
  }
  Readable(const Readable&) = delete;
  Readable& operator=(const Readable&) = delete;

  const diff::ResponseView& view() const { return view_; }

 private:
  std::vector<diff::HeaderLine> lines_;
  std::string decoded_;
  diff::ResponseView view_;
};

}  // namespace

Originals::Originals(const Limits& limits) : limits_(limits) {}

std::optional<KeptOriginal> Originals::take(std::uint64_t key, WallTime now) {
  drop_old(now);
  const auto it = by_key_.find(key);
  if (it == by_key_.end()) return std::nullopt;
  KeptOriginal taken = std::move(it->second.original);
  bytes_ -= it->second.bytes;
  by_key_.erase(it);
  if (now - taken.time > limits_.window) return std::nullopt;
  return taken;
}

void Originals::put(std::uint64_t key, KeptOriginal original) {
  const std::size_t bytes = cost_of(original.response);
  if (bytes > limits_.max_one) return;
  drop_old(original.time);
  order_.emplace_back(original.time, key);
  bytes_ += bytes;
  const auto [it, inserted] = by_key_.try_emplace(key);
  if (!inserted) bytes_ -= it->second.bytes;
  it->second = {std::move(original), bytes};
}

// A key that was taken or replaced leaves its place in the order behind: harmless.
void Originals::drop_old(WallTime now) {
  while (!order_.empty()) {
    const auto [time, key] = order_.front();
    const bool over = by_key_.size() > limits_.max_keys || bytes_ > limits_.max_bytes ||
                      order_.size() > 4 * limits_.max_keys;
    if (!over && now - time <= limits_.window) return;
    order_.pop_front();
    const auto it = by_key_.find(key);
    if (it == by_key_.end() || it->second.original.time != time) continue;
    bytes_ -= it->second.bytes;
    by_key_.erase(it);
  }
}

void Originals::clear() {
  by_key_.clear();
  order_.clear();
  bytes_ = 0;
}

diff::Differences differences_of(const KeptOriginal& original, const KeptOriginal& earlier, bool head,
                                 const diff::RuleSet& rules) {
  const bool with_body = original.hash != earlier.hash;
  const Readable left(original.response, head, with_body);
  const Readable right(earlier.response, head, with_body);
  diff::Budget budget;
  budget.max_steps = kMaxSteps;
  return diff::compare(left.view(), right.view(), rules, budget);
}

}  // namespace shadowtap::results
