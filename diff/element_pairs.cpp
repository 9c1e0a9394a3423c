#include "diff/element_pairs.h"

#include <algorithm>
#include <array>
#include <optional>

#include "diff/hash.h"
#include "diff/number.h"

namespace shadowtap::diff {
namespace {

// Similarity 1; one fraction's unit is far below the smallest difference of two shares.
constexpr std::uint64_t kWhole = 1U << 30;

constexpr std::array<std::string_view, 4> kUsualKeys = {"id", "key", "uuid", "name"};

// The values of one field over one side's objects, by value.
struct FieldValues {
  std::unordered_map<std::uint64_t, std::uint32_t> position;
  bool unique_scalars = true;

  void add(const JsonSide& side, NodeId value, std::uint32_t at) {
    if (side.doc().is_container(value) || side.mark(value).ignored != 0) {
      unique_scalars = false;
    } else if (!position.emplace(side.hash_of(value), at).second) {
      unique_scalars = false;
    }
  }
};

bool is_object(const GapSide& gap, std::uint32_t i) {
  return gap.side->doc()[gap.elements[i]].type == JsonType::kObject;
}

std::optional<NodeId> member(const JsonDocument& doc, NodeId object, std::string_view key) {
  std::optional<NodeId> found;
  for (NodeId c = object + 1; c < doc[object].end; c = doc[c].end) {
    if (doc.key(c) == key) found = c;
  }
  return found;
}

FieldValues values_of(const GapSide& gap, std::string_view name) {
  FieldValues values;
  for (std::uint32_t i = 0; i < gap.elements.size() && values.unique_scalars; ++i) {
    if (!is_object(gap, i)) continue;
    if (const auto value = member(gap.side->doc(), gap.elements[i], name)) {
      values.add(*gap.side, *value, i);
    }
  }
  return values;
}

std::unordered_map<std::string_view, FieldValues> all_values(const GapSide& gap) {
  std::unordered_map<std::string_view, FieldValues> fields;
  for (std::uint32_t i = 0; i < gap.elements.size(); ++i) {
    if (!is_object(gap, i)) continue;
    const JsonDocument& doc = gap.side->doc();
    for (NodeId c = gap.elements[i] + 1; c < doc[gap.elements[i]].end; c = doc[c].end) {
      fields[doc.key(c)].add(*gap.side, c, i);
    }
  }
  return fields;
}

Matches matches_of(const FieldValues& a, const FieldValues& b) {
  Matches matches;
  for (const auto& [value, i] : a.position) {
    const auto j = b.position.find(value);
    if (j != b.position.end()) matches.push_back({i, j->second});
  }
  std::sort(matches.begin(), matches.end(),
            [](const Match& x, const Match& y) { return x.a < y.a; });
  return matches;
}

std::size_t common(const FieldValues& a, const FieldValues& b) {
  return static_cast<std::size_t>(
      std::count_if(a.position.begin(), a.position.end(),
                    [&](const auto& entry) { return b.position.contains(entry.first); }));
}

// Each leaf's hash with the names on its way, without indexes: what an element holds,
// whatever stands in front of it.
std::vector<std::uint64_t> leaf_hashes(const JsonSide& side, NodeId element) {
  const JsonDocument& doc = side.doc();
  std::vector<std::uint64_t> hashes;
  std::vector<std::pair<NodeId, std::uint64_t>> open;  // end of a container, hash of its way
  for (NodeId id = element; id < doc[element].end;) {
    while (!open.empty() && open.back().first <= id) open.pop_back();
    if (side.mark(id).ignored == kAllKinds) {
      id = doc[id].end;
      continue;
    }
    std::uint64_t way = open.empty() ? 1 : open.back().second;
    if (id != element) way = mix(way, hash_bytes(doc.key(id)));
    const bool leaf = !doc.is_container(id) || doc[id].count == 0;
    if (leaf) hashes.push_back(mix(way, side.hash_of(id)));
    if (!leaf) open.emplace_back(doc[id].end, mix(way, doc[id].type == JsonType::kArray));
    ++id;
  }
  std::sort(hashes.begin(), hashes.end());
  return hashes;
}

std::size_t intersection(const std::vector<std::uint64_t>& a,
                         const std::vector<std::uint64_t>& b) {
  std::size_t count = 0;
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (a[i] == b[j]) {
      ++count, ++i, ++j;
    } else {
      ++(a[i] < b[j] ? i : j);
    }
  }
  return count;
}

}  // namespace

GapPairs::GapPairs(const GapSide& a, const GapSide& b, bool crossing, std::uint64_t& steps)
    : a_(a), b_(b), crossing_(crossing), steps_(steps), a_leaves_(a.elements.size()),
      b_leaves_(b.elements.size()) {}

bool GapPairs::spend(std::uint64_t n) {
  if (steps_ < n) {
    steps_ = 0;
    by_position_ = true;
    return false;
  }
  steps_ -= n;
  return true;
}

Matches GapPairs::run() {
  const auto a_size = static_cast<std::uint32_t>(a_.elements.size());
  const auto b_size = static_cast<std::uint32_t>(b_.elements.size());
  if (a_size == 0 || b_size == 0) return {};
  if (a_size == 1 && b_size == 1) return {{0, 0}};
  Matches anchors = by_field();
  if (crossing_) return anchors;
  Matches all;
  std::uint32_t i = 0;
  std::uint32_t j = 0;
  for (const Match& anchor : anchors) {
    const Matches between = by_similarity(i, anchor.a, j, anchor.b);
    all.insert(all.end(), between.begin(), between.end());
    all.push_back(anchor);
    i = anchor.a + 1;
    j = anchor.b + 1;
  }
  const Matches rest = by_similarity(i, a_size, j, b_size);
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

Matches GapPairs::by_field() {
  if (!spend(a_.elements.size() + b_.elements.size())) return {};
  for (const auto name : kUsualKeys) {
    bool usable = false;
    Matches matches = by_field(name, usable);
    if (usable) return matches;
  }
  const std::string name = most_common_field();
  bool usable = false;
  return name.empty() ? Matches{} : by_field(name, usable);
}

Matches GapPairs::by_field(std::string_view name, bool& usable) const {
  const FieldValues a = values_of(a_, name);
  if (!a.unique_scalars || a.position.empty()) return {};
  const FieldValues b = values_of(b_, name);
  if (!b.unique_scalars) return {};
  const Matches matches = matches_of(a, b);
  usable = !matches.empty();
  return crossing_ ? matches : longest_increasing(matches);
}

// Of several the alphabetically first; empty where no field has a value in common.
std::string GapPairs::most_common_field() const {
  const auto a = all_values(a_);
  const auto b = all_values(b_);
  std::string best;
  std::size_t most = 0;
  for (const auto& [name, values] : a) {
    const auto other = b.find(name);
    if (other == b.end() || !values.unique_scalars || !other->second.unique_scalars) continue;
    const std::size_t count = common(values, other->second);
    if (count < most || count == 0 || (count == most && name >= best)) continue;
    best = name;
    most = count;
  }
  return best;
}

Matches GapPairs::by_similarity(std::uint32_t a_begin, std::uint32_t a_end,
                                std::uint32_t b_begin, std::uint32_t b_end) {
  const std::uint64_t a_size = a_end - a_begin;
  const std::uint64_t b_size = b_end - b_begin;
  if (a_size == 0 || b_size == 0) return {};
  if (a_size == 1 && b_size == 1) return {{a_begin, b_begin}};
  Matches matches;
  if (a_size * b_size > kMaxSimilarityCells || !spend(a_size * b_size)) {
    by_position_ = true;
    for (std::uint32_t i = 0; i < std::min(a_size, b_size); ++i) {
      matches.push_back({a_begin + i, b_begin + i});
    }
    return matches;
  }
  matches = most_similar(static_cast<std::uint32_t>(a_size), static_cast<std::uint32_t>(b_size),
                         [&](std::uint32_t i, std::uint32_t j) {
                           return similarity(a_begin + i, b_begin + j);
                         });
  for (Match& match : matches) {
    match.a += a_begin;
    match.b += b_begin;
  }
  return matches;
}

// Scalars of one type ½, of two ¼; containers the share of equal leaves, if at least ½.
std::uint32_t GapPairs::similarity(std::uint32_t i, std::uint32_t j) {
  const JsonType x = a_.side->doc()[a_.elements[i]].type;
  const JsonType y = b_.side->doc()[b_.elements[j]].type;
  const bool containers = x >= JsonType::kArray;
  if (containers != (y >= JsonType::kArray)) return 0;
  if (!containers) {
    const bool same = same_type(x, y);
    return static_cast<std::uint32_t>(same ? kWhole / 2 : kWhole / 4);
  }
  if (x != y) return 0;
  const auto& l = leaves(true, i);
  const auto& r = leaves(false, j);
  const std::size_t most = std::max(l.size(), r.size());
  const std::size_t least = std::min(l.size(), r.size());
  // Out of steps, nothing is similar any more; the caller sees by_position().
  if (most == 0 || least * 2 < most || !spend(least)) return 0;
  const std::size_t equal = intersection(l, r);
  if (equal * 2 < most) return 0;
  return static_cast<std::uint32_t>(equal * kWhole / most);
}

const std::vector<std::uint64_t>& GapPairs::leaves(bool of_a, std::uint32_t i) {
  auto& made = of_a ? a_leaves_[i] : b_leaves_[i];
  const GapSide& gap = of_a ? a_ : b_;
  if (made.empty()) made = leaf_hashes(*gap.side, gap.elements[i]);
  return made;
}

int order_elements(const JsonSide& a, NodeId x, const JsonSide& b, NodeId y) {
  const JsonNode& m = a.doc()[x];
  const JsonNode& n = b.doc()[y];
  if (m.type != n.type) return m.type < n.type ? -1 : 1;
  if (m.type == JsonType::kNumber) return order_numbers(a.doc().raw(x), b.doc().raw(y));
  if (m.type == JsonType::kString) return a.doc().string(x).compare(b.doc().string(y));
  if (m.type < JsonType::kArray) return 0;
  if (m.count != n.count) return m.count < n.count ? -1 : 1;
  if (a.hash_of(x) != b.hash_of(y)) return a.hash_of(x) < b.hash_of(y) ? -1 : 1;
  return 0;
}

}  // namespace shadowtap::diff
