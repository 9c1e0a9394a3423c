#include "agent/results/hits.h"

#include <algorithm>
#include <charconv>
#include <functional>

namespace shadowtap::results {
namespace {

std::uint64_t combine(std::uint64_t a, std::uint64_t b) {
  return (a ^ (b + 0x9e3779b97f4a7c15 + (a << 6) + (a >> 2))) * 0x94d049bb133111eb;
}

std::uint64_t hash(std::string_view text) { return std::hash<std::string_view>{}(text); }

Shape common_shape(const diff::Difference& one) {
  const Shape left = shape_of(one.left);
  return left == shape_of(one.right) ? left : Shape::kNone;
}

// A worse status class speaks against who gave it.
int status_direction(const diff::Difference& one) {
  int left = 0, right = 0;
  std::from_chars(one.left.data(), one.left.data() + one.left.size(), left);
  std::from_chars(one.right.data(), one.right.data() + one.right.size(), right);
  const int by_class = right / 100 - left / 100;
  return by_class > 0 ? 1 : by_class < 0 ? -1 : 0;
}

}  // namespace

const std::vector<Hit>& HitBuilder::build(const diff::Differences& differences, PathNames& names,
                                          const MapPaths& maps, bool shapes) {
  hits_.clear();
  for (const diff::Difference& one : differences.all) {
    Hit hit;
    const std::string& path = one.aggregated.empty() ? one.path : one.aggregated;
    hit.path = maps.empty() ? names.id(path) : names.id(maps.rewrite(path));
    hit.kind = one.kind;
    if (shapes) hit.shape = common_shape(one);
    if (one.kind == diff::Kind::kStatus) hit.direction = status_direction(one);
    hit.left = hash(one.left);
    hit.right = hash(one.right);
    hits_.push_back(hit);
  }
  if (hits_.empty() && !differences.equal) {  // a budget ended before the first was found
    Hit hit;
    hit.path = names.id("truncated");
    hit.kind = diff::Kind::kBinary;
    hits_.push_back(hit);
  }
  std::stable_sort(hits_.begin(), hits_.end(),
                   [](const Hit& a, const Hit& b) { return a.place() < b.place(); });
  std::size_t last = 0;
  for (std::size_t i = 1; i < hits_.size(); ++i) {
    if (hits_[i].place() != hits_[last].place()) {
      hits_[++last] = hits_[i];
      continue;
    }
    hits_[last].left = combine(hits_[last].left, hits_[i].left);
    hits_[last].right = combine(hits_[last].right, hits_[i].right);
    if (hits_[i].shape != hits_[last].shape) hits_[last].shape = Shape::kNone;
  }
  if (!hits_.empty()) hits_.resize(last + 1);
  return hits_;
}

}  // namespace shadowtap::results
