#include "diff/named_diff.h"

namespace shadowtap::diff {

std::string_view prefix_of(RulePath::Into into) {
  switch (into) {
    case RulePath::Into::kStatus: return "status";
    case RulePath::Into::kHeader: return "headers.";
    case RulePath::Into::kCookie: return "cookies.";
    case RulePath::Into::kTrailer: return "trailers.";
    case RulePath::Into::kForm: return "form.";
    default: return "";
  }
}

void NamedDiff::compare(std::string_view name, std::optional<std::string_view> left,
                        std::optional<std::string_view> right, bool equal, Kind kind,
                        std::string_view parent) {
  if (!left && !right) return;
  if (!left) kind = Kind::kExtra;
  if (!right) kind = Kind::kMissing;
  const bool both = left && right;
  if (!report_.spend() || (both && equal)) return;
  if (kind == Kind::kExtra && rules_.mode == Mode::kAdditive) return;
  if (kind == Kind::kValue && rules_.mode == Mode::kShape) return;
  Kinds ignored = rules_.ignored(into_, name);
  if (!parent.empty()) ignored |= rules_.ignored(into_, parent);
  if ((ignored & bit(kind)) != 0) return;
  if (both && rules_.forgives_value(into_, name, *left, *right)) return;
  Difference d;
  d.path = std::string(prefix_of(into_)) + std::string(name);
  d.aggregated = d.path;
  d.kind = kind;
  d.left = report_.shown(left.value_or(""));
  d.right = report_.shown(right.value_or(""));
  report_.add(std::move(d));
}

}  // namespace shadowtap::diff
