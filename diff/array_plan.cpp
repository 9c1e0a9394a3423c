#include "diff/array_plan.h"

#include <algorithm>
#include <unordered_map>

#include "diff/align.h"
#include "diff/element_pairs.h"

namespace shadowtap::diff {
namespace {

using Positions = std::vector<std::uint32_t>;

std::vector<NodeId> children(const JsonDocument& doc, NodeId array) {
  std::vector<NodeId> ids;
  ids.reserve(doc[array].count);
  for (NodeId c = array + 1; c < doc[array].end; c = doc[c].end) ids.push_back(c);
  return ids;
}

class ArrayPlanner {
 public:
  ArrayPlanner(JsonSide& left, NodeId left_array, JsonSide& right, NodeId right_array,
               EqualProbe& probe, Report& report)
      : left_(left), right_(right), left_array_(left_array), right_array_(right_array),
        probe_(probe), report_(report) {}

  ArrayPlan run() {
    plan_.left = children(left_.doc(), left_array_);
    plan_.right = children(right_.doc(), right_array_);
    RuleRef rule = left_.mark(left_array_).array;
    if (rule == 0) rule = right_.mark(right_array_).array;
    if (rule != 0) {
      unordered(left_.rules().rules[rule - 1U]);
    } else if (!plainly()) {
      hash();
      ordered();
    }
    return std::move(plan_);
  }

 private:
  // Compares without hashes. Where much was compared in vain, hashes are due: else each
  // level of a deep document would be compared again and again.
  bool plain(std::size_t i, std::size_t j) {
    const NodeId x = plan_.left[i];
    const NodeId size = left_.doc()[x].end - x;
    const bool equal = plainly_equal(left_.doc(), x, right_.doc(), plan_.right[j]);
    if (equal) return report_.spend(size);
    constexpr NodeId kMuch = 512;
    hashes_are_due_ = hashes_are_due_ || size > kMuch;
    return false;
  }

  // The equal elements at the front; and, where what is left is a matter of course, all
  // of the plan, without a hash.
  bool plainly() {
    const std::size_t l = plan_.left.size();
    const std::size_t r = plan_.right.size();
    if (!report_.spend(l + r + 1)) return true;
    while (front_ < std::min(l, r) && could_be_equal(front_, front_) && plain(front_, front_)) {
      ++front_;
    }
    if (hashes_are_due_ && !left_.hashed(plan_.left[front_])) return false;
    if (front_ == l || front_ == r || (l - front_ == 1 && r - front_ == 1)) {
      pair_up(front_, front_);
      return true;
    }
    // Rules change what is equal; then only hashes know.
    if (left_.hashed(plan_.left[front_]) || has_rules()) return false;
    return l == r ? one_changed() : one_more();
  }

  bool has_rules() const {
    return left_.rules().mode != Mode::kStrict || left_.has_marks() || right_.has_marks();
  }

  bool could_be_equal(std::size_t i, std::size_t j) const {
    const NodeId x = plan_.left[i];
    const NodeId y = plan_.right[j];
    if (!left_.hashed(x) || !right_.hashed(y)) return true;
    return left_.element_hash(x) == right_.element_hash(y);
  }

  void pair_up(std::size_t i, std::size_t j) {
    const std::size_t l = plan_.left.size();
    const std::size_t r = plan_.right.size();
    for (; i < l || j < r; ++i, ++j) {
      plan_.pairings.push_back({i < l ? static_cast<std::uint32_t>(i) : kNobody,
                                j < r ? static_cast<std::uint32_t>(j) : kNobody});
    }
  }

  // Behind the first unequal element all are equal, and no shifted way is as good.
  bool one_changed() {
    const std::size_t next = front_ + 1;
    if (plain(front_, next) || plain(next, front_)) return false;
    for (std::size_t i = plan_.left.size(); i-- > next;) {
      if (!plain(i, i)) return false;
    }
    plan_.pairings.push_back(
        {static_cast<std::uint32_t>(front_), static_cast<std::uint32_t>(front_)});
    return true;
  }

  // One side has one element more, here, and there is no other way to match all others.
  bool one_more() {
    const std::size_t l = plan_.left.size();
    const std::size_t r = plan_.right.size();
    const auto here = static_cast<std::uint32_t>(front_);
    if (l + 1 == r) {
      for (std::size_t i = front_; i < l; ++i) {
        if (!plain(i, i + 1)) return false;
      }
      plan_.pairings.push_back({kNobody, here});
      return true;
    }
    if (l != r + 1) return false;
    for (std::size_t i = front_; i < r; ++i) {
      if (!plain(i + 1, i)) return false;
    }
    plan_.pairings.push_back({here, kNobody});
    return true;
  }

  void hash() {
    const auto range = [&](JsonSide& side, const std::vector<NodeId>& ids,
                           std::vector<std::uint64_t>& hashes) {
      if (front_ < ids.size()) {
        const NodeId end = side.doc()[ids.back()].end;
        report_.spend(std::min<std::uint64_t>(end - ids[front_], report_.steps_left()));
        side.hash(ids[front_], end);
      }
      for (std::size_t i = front_; i < ids.size(); ++i) {
        hashes.push_back(side.element_hash(ids[i]));
        exact_ = exact_ && (side.exact(ids[i]) || side.mark(ids[i]).own);
      }
    };
    range(left_, plan_.left, left_hashes_);
    range(right_, plan_.right, right_hashes_);
  }

  // Positions are from here on counted from front_.
  NodeId left_id(std::uint32_t i) const { return plan_.left[front_ + i]; }
  NodeId right_id(std::uint32_t j) const { return plan_.right[front_ + j]; }

  bool equal(std::uint32_t i, std::uint32_t j) {
    return left_hashes_[i] == right_hashes_[j] &&
           (exact_ || probe_.equal(left_id(i), right_id(j)));
  }

  void ordered() {
    if (same_elements()) {
      plan_.order = true;
      return;
    }
    Positions left(left_hashes_.size());
    Positions right(right_hashes_.size());
    for (std::uint32_t i = 0; i < left.size(); ++i) left[i] = i;
    for (std::uint32_t j = 0; j < right.size(); ++j) right[j] = j;
    align(left, right);
  }

  bool same_elements() {
    if (left_hashes_.size() != right_hashes_.size()) return false;
    auto l = left_hashes_;
    auto r = right_hashes_;
    std::sort(l.begin(), l.end());
    std::sort(r.begin(), r.end());
    if (l != r) return false;
    if (exact_) return left_hashes_ != right_hashes_;
    const Matches all = equal_multiset();
    return all.size() == l.size() &&
           std::any_of(all.begin(), all.end(), [](const Match& m) { return m.a != m.b; });
  }

  // Equal elements at one position first, then each left one with the first right one that
  // is equal and free: either way of looking at it gives the same.
  Matches equal_multiset() {
    Matches matches;
    std::vector<bool> used(left_hashes_.size());
    std::unordered_map<std::uint64_t, Positions> free;
    for (std::uint32_t j = 0; j < right_hashes_.size(); ++j) {
      if (j < left_hashes_.size() && equal(j, j)) {
        used[j] = true;
        matches.push_back({j, j});
      } else {
        free[right_hashes_[j]].push_back(j);
      }
    }
    for (std::uint32_t i = 0; i < left_hashes_.size() && !report_.stopped(); ++i) {
      const auto group = free.find(left_hashes_[i]);
      if (used[i] || group == free.end()) continue;
      Positions& js = group->second;
      const auto found =
          exact_ ? js.begin() + static_cast<std::ptrdiff_t>(taken_[group->first]++)
                 : std::find_if(js.begin(), js.end(), [&](auto j) { return equal(i, j); });
      if (found >= js.end()) continue;
      matches.push_back({i, *found});
      if (!exact_) js.erase(found);
    }
    taken_.clear();
    return matches;
  }

  // The canonically smaller side is `a` (INTERFACES section 5, "Ties").
  bool left_is_smaller(const Positions& left, const Positions& right) const {
    if (left.size() != right.size()) return left.size() < right.size();
    for (std::size_t i = 0; i < left.size(); ++i) {
      const int order = order_elements(left_, left_id(left[i]), right_, right_id(right[i]));
      if (order != 0) return order < 0;
    }
    return true;
  }

  // Aligns these elements in their order and plans all that comes of it.
  void align(const Positions& left, const Positions& right) {
    const bool swap = !left_is_smaller(left, right);
    const Positions& a = swap ? right : left;
    const Positions& b = swap ? left : right;
    const auto hashes = [](const Positions& of, const std::vector<std::uint64_t>& all) {
      std::vector<std::uint64_t> some;
      for (const auto i : of) some.push_back(all[i]);
      return some;
    };
    const auto a_hashes = hashes(a, swap ? right_hashes_ : left_hashes_);
    const auto b_hashes = hashes(b, swap ? left_hashes_ : right_hashes_);
    Sequences sequences{a_hashes, b_hashes, {}};
    if (!exact_) {
      sequences.verify = [&](std::uint32_t i, std::uint32_t j) {
        return swap ? equal(b[j], a[i]) : equal(a[i], b[j]);
      };
    }
    std::uint64_t steps = report_.steps_left() / 2;
    const std::uint64_t before = steps;
    Matches common;
    const bool complete = longest_common(sequences, steps, common);
    plan_.by_position = plan_.by_position || !complete;
    report_.spend(before - steps);
    Matches all = fill_gaps(common, a, b, swap);
    if (swap) {
      for (Match& match : all) std::swap(match.a, match.b);
    }
    emit(all, left, right);
  }

  // Indexes into a and b, ascending in both.
  Matches fill_gaps(const Matches& common, const Positions& a, const Positions& b, bool swap) {
    Matches all;
    std::uint32_t i = 0;
    std::uint32_t j = 0;
    const auto gap = [&](std::uint32_t a_end, std::uint32_t b_end) {
      for (Match match : pair_gap(a, i, a_end, b, j, b_end, swap, false)) {
        all.push_back({match.a + i, match.b + j});
      }
    };
    for (const Match& match : common) {
      gap(match.a, match.b);
      all.push_back(match);
      i = match.a + 1;
      j = match.b + 1;
    }
    gap(static_cast<std::uint32_t>(a.size()), static_cast<std::uint32_t>(b.size()));
    return all;
  }

  Matches pair_gap(const Positions& a, std::size_t a_begin, std::size_t a_end,
                   const Positions& b, std::size_t b_begin, std::size_t b_end, bool swap,
                   bool crossing) {
    GapSide x{swap ? &right_ : &left_, {}};
    GapSide y{swap ? &left_ : &right_, {}};
    if (a_begin == a_end || b_begin == b_end) return {};
    for (auto i = a_begin; i < a_end; ++i) {
      x.elements.push_back(swap ? right_id(a[i]) : left_id(a[i]));
    }
    for (auto j = b_begin; j < b_end; ++j) {
      y.elements.push_back(swap ? left_id(b[j]) : right_id(b[j]));
    }
    std::uint64_t steps = report_.steps_left() / 2;
    const std::uint64_t before = steps;
    GapPairs pairs(x, y, crossing, steps);
    const Matches matches = pairs.run();
    report_.spend(before - steps);
    plan_.by_position = plan_.by_position || pairs.by_position();
    return matches;
  }

  // Matches of indexes into left and right, as pairings with what stands between them.
  void emit(const Matches& matches, const Positions& left, const Positions& right) {
    std::size_t i = 0;
    std::size_t j = 0;
    const auto at = [&](std::uint32_t position) {
      return static_cast<std::uint32_t>(position + front_);
    };
    const auto between = [&](std::size_t left_end, std::size_t right_end) {
      for (; i < left_end; ++i) plan_.pairings.push_back({at(left[i]), kNobody});
      for (; j < right_end; ++j) plan_.pairings.push_back({kNobody, at(right[j])});
    };
    for (const Match& match : matches) {
      between(match.a, match.b);
      plan_.pairings.push_back({at(left[i++]), at(right[j++])});
    }
    between(left.size(), right.size());
  }

  // Pairs that may cross: pairings ordered by the left, then what only the right has.
  void emit_crossing(const std::vector<Pairing>& pairings) {
    plan_.pairings.insert(plan_.pairings.end(), pairings.begin(), pairings.end());
    std::stable_sort(plan_.pairings.begin(), plan_.pairings.end(),
                     [](const Pairing& x, const Pairing& y) {
                       return x.left != y.left ? x.left < y.left
                                               : x.left == kNobody && x.right < y.right;
                     });
  }

  void unordered(const CompiledRule& rule) {
    hash();
    if (rule.action == CompiledRule::Action::kKeyed) return keyed(rule.key);
    std::vector<bool> left_used(left_hashes_.size());
    std::vector<bool> right_used(right_hashes_.size());
    std::vector<Pairing> pairings;
    // Equal ones are compared all the same: a hash is no proof.
    for (const Match& match : equal_multiset()) {
      left_used[match.a] = right_used[match.b] = true;
      pairings.push_back({match.a, match.b});
    }
    rest_of_unordered(left_used, right_used, pairings);
    emit_crossing(pairings);
  }

  static Positions unused(const std::vector<bool>& used) {
    Positions rest;
    for (std::uint32_t i = 0; i < used.size(); ++i) {
      if (!used[i]) rest.push_back(i);
    }
    return rest;
  }

  void rest_of_unordered(std::vector<bool>& left_used, std::vector<bool>& right_used,
                         std::vector<Pairing>& pairings) {
    for (const bool crossing : {true, false}) {
      const Positions left = unused(left_used);
      const Positions right = unused(right_used);
      const bool swap = !left_is_smaller(left, right);
      const Positions& a = swap ? right : left;
      const Positions& b = swap ? left : right;
      for (Match match : pair_gap(a, 0, a.size(), b, 0, b.size(), swap, crossing)) {
        if (swap) std::swap(match.a, match.b);
        left_used[left[match.a]] = right_used[right[match.b]] = true;
        pairings.push_back({left[match.a], right[match.b]});
      }
    }
    for (const auto i : unused(left_used)) pairings.push_back({i, kNobody});
    for (const auto j : unused(right_used)) pairings.push_back({kNobody, j});
  }

  struct Keys {
    std::unordered_map<std::uint64_t, std::uint32_t> unique;
    Positions odd;  // without a key, or one that is not unique
  };

  static Keys keys_of(const JsonSide& side, const std::vector<NodeId>& ids,
                      std::string_view name) {
    std::unordered_map<std::uint64_t, Positions> groups;
    Keys keys;
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
      const JsonDocument& doc = side.doc();
      NodeId key = 0;
      if (doc[ids[i]].type == JsonType::kObject) {
        for (NodeId c = ids[i] + 1; c < doc[ids[i]].end; c = doc[c].end) {
          if (doc.key(c) == name) key = c;
        }
      }
      if (key == 0) {
        keys.odd.push_back(i);
      } else {
        groups[side.hash_of(key)].push_back(i);
      }
    }
    for (const auto& [value, positions] : groups) {
      if (positions.size() == 1) {
        keys.unique[value] = positions.front();
      } else {
        keys.odd.insert(keys.odd.end(), positions.begin(), positions.end());
      }
    }
    std::sort(keys.odd.begin(), keys.odd.end());
    return keys;
  }

  void keyed(std::string_view name) {
    const Keys left = keys_of(left_, plan_.left, name);
    const Keys right = keys_of(right_, plan_.right, name);
    std::vector<Pairing> pairings;
    for (const auto& [value, i] : left.unique) {
      const auto j = right.unique.find(value);
      pairings.push_back({i, j == right.unique.end() ? kNobody : j->second});
    }
    for (const auto& [value, j] : right.unique) {
      if (!left.unique.contains(value)) pairings.push_back({kNobody, j});
    }
    plan_.odd_keys = !left.odd.empty() || !right.odd.empty();
    if (plan_.odd_keys) align(left.odd, right.odd);
    emit_crossing(pairings);
  }

  JsonSide& left_;
  JsonSide& right_;
  NodeId left_array_;
  NodeId right_array_;
  EqualProbe& probe_;
  Report& report_;
  ArrayPlan plan_;
  std::size_t front_ = 0;  // equal elements at the front, not in the plan
  bool exact_ = true;      // equal hashes are equal elements
  bool hashes_are_due_ = false;
  std::vector<std::uint64_t> left_hashes_;
  std::vector<std::uint64_t> right_hashes_;
  std::unordered_map<std::uint64_t, std::size_t> taken_;  // of each group of equal ones
};

}  // namespace

ArrayPlan plan_array(JsonSide& left, NodeId left_array, JsonSide& right, NodeId right_array,
                     EqualProbe& probe, Report& report) {
  return ArrayPlanner(left, left_array, right, right_array, probe, report).run();
}

}  // namespace shadowtap::diff
