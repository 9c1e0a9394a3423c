#include "agent/results/store_text.h"

#include <fmt/format.h>

#include <charconv>

namespace shadowtap::results {
namespace {

class Numbers {
 public:
  explicit Numbers(std::string_view text) : text_(text) {}

  bool more() {
    while (!text_.empty() && text_.front() == ' ') text_.remove_prefix(1);
    return !text_.empty();
  }
  template <class T = std::uint64_t>
  T next() {
    T value{};
    if (!more()) return value;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    text_.remove_prefix(std::max<std::size_t>(static_cast<std::size_t>(end - text_.data()), 1));
    return error == std::errc{} ? value : T{};
  }

 private:
  std::string_view text_;
};

class Text {
 public:
  template <class... T>
  Text& add(const T&... values) {
    (fmt::format_to(std::back_inserter(text_), "{} ", values), ...);
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

Control control_of(std::uint64_t number) {
  return number < kControls ? static_cast<Control>(number) : Control::kNone;
}

}  // namespace

std::string text_of_counts(const PathRecord& record) {
  Text text;
  for (const ControlCounts& one : record.counts) {
    text.add(static_cast<int>(one.control), one.both, one.candidate_only, one.control_only, one.s, one.f,
             one.index);
  }
  return text.take();
}

void read_counts(std::string_view text, PathRecord& record) {
  for (Numbers numbers(text); numbers.more();) {
    ControlCounts& one = record.of(control_of(numbers.next()));
    one.both = numbers.next<std::uint32_t>();
    one.candidate_only = numbers.next<std::uint32_t>();
    one.control_only = numbers.next<std::uint32_t>();
    one.s = numbers.next<std::uint32_t>();
    one.f = numbers.next<std::uint32_t>();
    one.index = numbers.next<std::uint32_t>();
    one.log_e = log_evidence(one.s, one.f);
  }
}

std::string text_of_latch(const PathRecord& record) {
  if (!record.latch) return {};
  const Latch& l = *record.latch;
  return Text().add(l.time.time_since_epoch().count(), static_cast<int>(l.control), l.constant ? 1 : 0, l.s,
                    l.f, l.keys, l.pairs, l.index).take();
}

void read_latch(std::string_view text, PathRecord& record) {
  Numbers numbers(text);
  if (!numbers.more()) return;
  Latch l;
  l.time = WallTime(Duration(numbers.next<std::int64_t>()));
  l.control = control_of(numbers.next());
  l.constant = numbers.next() != 0;
  l.s = numbers.next<std::uint32_t>();
  l.f = numbers.next<std::uint32_t>();
  l.keys = numbers.next<std::uint32_t>();
  l.pairs = numbers.next();
  l.index = std::max<std::uint32_t>(numbers.next<std::uint32_t>(), 1);
  l.log_e = log_evidence(l.s, l.f);
  record.latch = std::make_unique<Latch>(l);
}

std::string text_of(const RoutePairs& pairs) {
  Text text;
  for (const PairCounts& one : pairs) text.add(one.n, one.first.time_since_epoch().count());
  return text.take();
}

void read(std::string_view text, RoutePairs& pairs) {
  Numbers numbers(text);
  for (PairCounts& one : pairs) {
    one.n = numbers.next();
    one.first = WallTime(Duration(numbers.next<std::int64_t>()));
  }
}

std::string text_of(const Signature& signature) {
  Text text;
  text.add(signature.rules_took ? 1 : 0, signature.parts.size());
  for (const SignaturePart& part : signature.parts) text.add(part.record, part.control_too ? 1 : 0);
  return text.take();
}

namespace {

Signature next_signature(Numbers& numbers) {
  Signature signature;
  signature.rules_took = numbers.next() != 0;
  const std::uint64_t n = numbers.next();
  for (std::uint64_t i = 0; i < n && numbers.more(); ++i) {
    const auto record = numbers.next<std::uint32_t>();
    signature.parts.push_back({record, numbers.next() != 0});
  }
  return signature;
}

}  // namespace

Signature read_signature(std::string_view text) {
  Numbers numbers(text);
  return next_signature(numbers);
}

std::string text_of(const Signatures& signatures) {
  Text text;
  for (const std::uint64_t n : signatures.other()) text.add(n);
  std::string all = text.take();
  for (const Signature& one : signatures.all()) all += Text().add(one.count).take() + text_of(one);
  return all;
}

void read(std::string_view text, std::size_t records, Signatures& signatures) {
  Numbers numbers(text);
  for (std::size_t i = 0; i < kOutcomes; ++i) {
    signatures.add_other(static_cast<Outcome>(i), numbers.next());
  }
  while (numbers.more()) {
    const std::uint64_t count = numbers.next();
    const Signature one = next_signature(numbers);
    const bool known = std::all_of(one.parts.begin(), one.parts.end(),
                                   [&](const SignaturePart& part) { return part.record < records; });
    if (known) signatures.add(one.parts, one.rules_took, Outcome::kMismatch, count);
  }
}

std::string text_of(const std::array<Net, kControls>& net) {
  Text text;
  for (const Net& one : net) text.add(one.counts.plus, one.counts.minus, one.counts.zero, one.alive);
  return text.take();
}

void read(std::string_view text, std::array<Net, kControls>& net) {
  Numbers numbers(text);
  for (Net& one : net) {
    one.counts.plus = numbers.next();
    one.counts.minus = numbers.next();
    one.counts.zero = numbers.next();
    one.alive = numbers.next();
  }
}

}  // namespace shadowtap::results
