#include "diff/align.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <unordered_set>

namespace shadowtap::diff {
namespace {

using std::int64_t;
using std::uint32_t;
using std::uint64_t;

// 33 MB of furthest points; two sequences of 2,048 always fit.
constexpr int64_t kMaxDistance = 4096;
// Up to so many edits are looked for before anything is hashed.
constexpr int64_t kSmallDistance = 32;

// The elements that occur on the other side as well; no other can be matched.
std::vector<uint32_t> shared(std::span<const uint64_t> of, std::span<const uint64_t> other) {
  const std::unordered_set<uint64_t> known(other.begin(), other.end());
  std::vector<uint32_t> kept;
  for (uint32_t i = 0; i < of.size(); ++i) {
    if (known.contains(of[i])) kept.push_back(i);
  }
  return kept;
}

// For every distance d and diagonal k = x − y, counted from the ends, the furthest x from
// which d edits lead to the ends. Along a diagonal the distance never falls with x, so a
// point is within d iff its x is not beyond the furthest one.
class FurthestPoints {
 public:
  explicit FurthestPoints(const Sequences& sequences, const std::vector<uint32_t>& a,
                          const std::vector<uint32_t>& b)
      : sequences_(sequences), a_(a), b_(b), n_(static_cast<int64_t>(a.size())),
        m_(static_cast<int64_t>(b.size())) {}

  // False: more edits than that, or out of steps. Else distance() is their least number.
  bool build(int64_t max_distance, uint64_t& steps) {
    for (int64_t d = 0; d <= n_ + m_; ++d) {
      if (d > max_distance || !spend(steps, static_cast<uint64_t>(d) + 1)) return false;
      std::vector<int>& row = rows_.emplace_back(static_cast<std::size_t>(d) + 1, -1);
      for (int64_t k = -d; k <= d; k += 2) {
        if (k < -m_ || k > n_) continue;
        int64_t x = start(d, k);
        const int64_t before = x;
        while (x < n_ && x - k < m_ && equal_from_end(x, x - k)) ++x;
        if (!spend(steps, static_cast<uint64_t>(x - before))) return false;
        row[index(d, k)] = static_cast<int>(x);
        if (x == n_ && x - k == m_) return true;
      }
    }
    return false;
  }

  int64_t distance() const { return static_cast<int64_t>(rows_.size()) - 1; }

  // Whether `d` edits lead from (i, j), counted from the front, to the ends.
  bool within(int64_t i, int64_t j, int64_t d) const {
    const int64_t k = (n_ - i) - (m_ - j);
    if (d < 0 || k < -d || k > d || ((d + k) & 1) != 0) return false;
    return rows_[static_cast<std::size_t>(d)][index(d, k)] >= n_ - i;
  }

 private:
  static bool spend(uint64_t& steps, uint64_t n) {
    if (steps < n) return false;
    steps -= n;
    return true;
  }
  static std::size_t index(int64_t d, int64_t k) { return static_cast<std::size_t>((k + d) / 2); }

  int64_t at(int64_t d, int64_t k) const {
    if (d < 0 || k < -d || k > d) return -1;
    return rows_[static_cast<std::size_t>(d)][index(d, k)];
  }

  int64_t start(int64_t d, int64_t k) const {
    if (d == 0) return 0;
    const int64_t by_a = at(d - 1, k - 1);  // one more of a
    const int64_t by_b = at(d - 1, k + 1);  // one more of b
    // A neighbour at its end leads to this diagonal's end: distances of neighbouring
    // points differ by one.
    const int64_t x = std::max(by_a >= 0 ? by_a + 1 : -1, by_b);
    return std::min({x, n_, m_ + k});
  }

  bool equal_from_end(int64_t x, int64_t y) const {
    return sequences_.equal(a_[static_cast<std::size_t>(n_ - 1 - x)],
                            b_[static_cast<std::size_t>(m_ - 1 - y)]);
  }

  const Sequences& sequences_;
  const std::vector<uint32_t>& a_;
  const std::vector<uint32_t>& b_;
  int64_t n_;
  int64_t m_;
  std::vector<std::vector<int>> rows_;
};

// Goes from the front along best ways only. An element of a is matched if any best way
// matches it, and then to the first of b that one does.
Matches earliest_way(const Sequences& sequences, const std::vector<uint32_t>& a,
                     const std::vector<uint32_t>& b, const FurthestPoints& furthest) {
  Matches out;
  int64_t d = furthest.distance();
  std::size_t i = 0;
  std::size_t j = 0;
  const auto way = [&](std::size_t jj, int64_t rest) {
    return furthest.within(static_cast<int64_t>(i), static_cast<int64_t>(jj), rest);
  };
  while (i < a.size() && j < b.size()) {
    std::size_t jj = j;
    int64_t rest = d;
    while (jj < b.size() && !sequences.equal(a[i], b[jj]) && way(jj + 1, rest - 1)) {
      ++jj;
      --rest;
    }
    if (jj < b.size() && sequences.equal(a[i], b[jj])) {
      out.push_back({a[i], b[jj]});
      j = jj + 1;
      d = rest;
    } else {
      --d;
    }
    ++i;
  }
  return out;
}

}  // namespace

bool longest_common(const Sequences& sequences, uint64_t& steps, Matches& out) {
  out.clear();
  std::vector<uint32_t> a(sequences.a.size());
  std::vector<uint32_t> b(sequences.b.size());
  std::iota(a.begin(), a.end(), 0U);
  std::iota(b.begin(), b.end(), 0U);
  FurthestPoints near(sequences, a, b);
  if (near.build(kSmallDistance, steps)) {
    out = earliest_way(sequences, a, b, near);
    return true;
  }
  a = shared(sequences.a, sequences.b);
  b = shared(sequences.b, sequences.a);
  FurthestPoints furthest(sequences, a, b);
  if (!furthest.build(kMaxDistance, steps)) return false;
  out = earliest_way(sequences, a, b, furthest);
  return true;
}

Matches longest_increasing(std::span<const Match> matches) {
  // length[i]: of the longest run that starts with match i. `tails` holds, for each
  // length, the greatest b that such a run can start with, so it descends.
  std::vector<uint32_t> length(matches.size());
  std::vector<uint32_t> tails;
  for (std::size_t i = matches.size(); i-- > 0;) {
    const auto place = std::lower_bound(tails.begin(), tails.end(), matches[i].b,
                                        [](uint32_t tail, uint32_t b) { return tail > b; });
    length[i] = static_cast<uint32_t>(place - tails.begin()) + 1;
    if (place == tails.end()) {
      tails.push_back(matches[i].b);
    } else {
      *place = matches[i].b;
    }
  }
  Matches out;
  std::size_t left = tails.size();
  for (std::size_t i = 0; i < matches.size() && left > 0; ++i) {
    if (length[i] != left || (!out.empty() && matches[i].b <= out.back().b)) continue;
    out.push_back(matches[i]);
    --left;
  }
  return out;
}

Matches most_similar(
    uint32_t a_size, uint32_t b_size,
    const std::function<uint32_t(uint32_t, uint32_t)>& similarity) {
  // best[i][j]: the greatest sum of a[i..] against b[j..].
  const std::size_t width = std::size_t{b_size} + 1;
  std::vector<uint64_t> best((std::size_t{a_size} + 1) * width, 0);
  std::vector<uint32_t> similar(std::size_t{a_size} * b_size);
  const auto sum_with = [&](std::size_t i, std::size_t j) {
    const uint32_t s = similar[i * b_size + j];
    return s == 0 ? 0 : s + best[(i + 1) * width + j + 1];
  };
  for (std::size_t i = a_size; i-- > 0;) {
    for (std::size_t j = b_size; j-- > 0;) {
      similar[i * b_size + j] = similarity(static_cast<uint32_t>(i), static_cast<uint32_t>(j));
      best[i * width + j] = std::max(
          {best[(i + 1) * width + j], best[i * width + j + 1], sum_with(i, j)});
    }
  }
  Matches out;
  std::size_t j = 0;
  for (std::size_t i = 0; i < a_size; ++i) {
    const uint64_t goal = best[i * width + j];
    std::size_t jj = j;
    while (goal > 0 && jj < b_size && sum_with(i, jj) != goal) ++jj;
    if (goal == 0 || jj == b_size) continue;
    out.push_back({static_cast<uint32_t>(i), static_cast<uint32_t>(jj)});
    j = jj + 1;
  }
  return out;
}

}  // namespace shadowtap::diff
