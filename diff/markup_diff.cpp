// XML and HTML: elements by name, attributes by name, children aligned by content.
// Recursive: markup is no deeper than 256.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "diff/align.h"
#include "diff/body_diff.h"
#include "diff/hash.h"
#include "diff/markup_document.h"
#include "diff/number.h"

namespace shadowtap::diff {
namespace {

constexpr std::uint32_t kFullShare = 1U << 20;
// A tree takes ten times its text and more.
constexpr std::size_t kMaxMarkupBytes = 32 << 20;

// One step on the way to a node, as rules see it.
struct Step {
  std::string name;  // "item", "@id", "text()"
  int index = 1;
  bool alone = true;
};
using Way = std::vector<Step>;

bool step_matches(const MarkupStep& rule, const Step& step) {
  const bool attribute = step.name.starts_with('@');
  const bool any = rule.name == "*" ? !attribute && step.name != "text()"
                                    : rule.name == "@*" && attribute;
  return (any || rule.name == step.name) && (rule.index == 0 || rule.index == step.index);
}

// Whether the rule's steps lead exactly to the end of the way.
bool selects(const std::vector<MarkupStep>& rule, std::size_t r, const Way& way,
             std::size_t w) {
  if (r == rule.size()) return w == way.size();
  for (std::size_t i = w; i < way.size(); ++i) {
    if (step_matches(rule[r], way[i]) && selects(rule, r + 1, way, i + 1)) return true;
    if (!rule[r].descendant) return false;
  }
  return false;
}

std::string xpath(const Way& way) {
  std::string path;
  for (const Step& step : way) {
    path += '/';
    path += step.name;
    if (!step.alone) path += "[" + std::to_string(step.index) + "]";
  }
  return path;
}

std::string aggregated(const Way& way) {
  std::string path;
  for (const Step& step : way) path += "/" + step.name;
  return path;
}

Step step_of(const MarkupNode& node) {
  return {node.is_text() ? "text()" : node.name, node.index, node.alone};
}

class MarkupDiff {
 public:
  MarkupDiff(const RuleSet::Compiled& rules, Report& report) : rules_(rules), report_(report) {
    for (const auto& rule : rules.rules) {
      if (rule.path.into == RulePath::Into::kMarkup) markup_rules_.push_back(&rule);
    }
  }

  void run(MarkupNode& left, MarkupNode& right) {
    Way way{step_of(left)};
    hash(left, way);
    way.back() = step_of(right);
    hash(right, way);
    if (left.name != right.name || left.space != right.space) {
      one_side(left, true);
      one_side(right, false);
      return;
    }
    left_.push_back(step_of(left));
    right_.push_back(step_of(right));
    elements(left, right);
  }

 private:
  Kinds ignored(const Way& way) const {
    Kinds kinds = 0;
    for (const auto* rule : markup_rules_) {
      if (rule->action == CompiledRule::Action::kIgnore && selects(rule->path.markup, 0, way, 0)) {
        kinds |= rule->kinds;
      }
    }
    return kinds;
  }

  // Whether `asked` of a tolerance or pattern for this node says yes.
  template <typename Asked>
  bool any_forgiving(const Way& way, Asked asked) const {
    return std::any_of(markup_rules_.begin(), markup_rules_.end(), [&](const auto* rule) {
      const bool forgives = rule->action == CompiledRule::Action::kTolerance ||
                            rule->action == CompiledRule::Action::kPattern;
      return forgives && selects(rule->path.markup, 0, way, 0) && asked(*rule);
    });
  }

  // Equal under the rules, equal hash; ignored nodes have none.
  void hash(MarkupNode& node, Way& way) {
    report_.spend();
    const Kinds kinds = markup_rules_.empty() ? Kinds{0} : ignored(way);
    if (node.is_text()) {
      node.hash = value_hash(node.text, way) | 1;
    } else {
      node.hash = mix(hash_bytes(node.name), hash_bytes(node.space));
      for (const auto& a : node.attributes) {
        way.push_back({"@" + a.name, 1, true});
        if (markup_rules_.empty() || ignored(way) == 0) {
          node.hash = mix(node.hash, mix(hash_bytes(a.name), value_hash(a.value, way)));
        }
        way.pop_back();
      }
      for (auto& child : node.children) {
        way.push_back(step_of(child));
        hash(child, way);
        way.pop_back();
        if (child.hash != 0) node.hash = mix(node.hash, child.hash);
      }
      node.hash |= 1;
    }
    if (kinds == kAllKinds) node.hash = 0;
  }

  std::uint64_t value_hash(std::string_view value, const Way& way) const {
    if (rules_.mode == Mode::kShape) return 3;
    const bool forgivable = any_forgiving(way, [&](const CompiledRule& rule) {
      return rule.applies(value, is_number(value));
    });
    return forgivable ? 5 : hash_bytes(value);
  }

  void elements(const MarkupNode& left, const MarkupNode& right) {
    if (!report_.spend()) return;
    attributes(left, right);
    children(left, right);
  }

  void attributes(const MarkupNode& left, const MarkupNode& right) {
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < left.attributes.size() || j < right.attributes.size()) {
      const int order = i == left.attributes.size()    ? 1
                        : j == right.attributes.size() ? -1
                            : left.attributes[i].name.compare(right.attributes[j].name);
      const MarkupAttribute* l = order <= 0 ? &left.attributes[i++] : nullptr;
      const MarkupAttribute* r = order >= 0 ? &right.attributes[j++] : nullptr;
      enter({"@" + (l ? l : r)->name, 1, true}, {"@" + (r ? r : l)->name, 1, true});
      values(l ? &l->value : nullptr, r ? &r->value : nullptr);
      leave();
    }
  }

  void values(const std::string* left, const std::string* right) {
    if (left && right && *left == *right) return;
    if (!left || !right) {
      return found(left ? Kind::kMissing : Kind::kExtra, left ? *left : "", right ? *right : "");
    }
    if (rules_.mode == Mode::kShape) return;
    const bool forgiven_value = any_forgiving(left_, [&](const CompiledRule& rule) {
      return rule.forgives(*left, *right, is_number(*left) && is_number(*right));
    });
    if (forgiven_value) return;
    found(Kind::kValue, *left, *right);
  }

  using Children = std::vector<const MarkupNode*>;

  static Children kept(const MarkupNode& element) {
    Children children;
    for (const auto& child : element.children) {
      if (child.hash != 0) children.push_back(&child);
    }
    return children;
  }

  void children(const MarkupNode& left, const MarkupNode& right) {
    const Children l = kept(left);
    const Children r = kept(right);
    if (reordered(l, r)) return found(Kind::kOrder, summary(left), summary(right));
    const bool swap = r.size() < l.size() || (r.size() == l.size() && hashes(r) < hashes(l));
    Matches matches = swap ? align(r, l) : align(l, r);
    if (swap) {
      for (auto& match : matches) std::swap(match.a, match.b);
    }
    std::size_t i = 0;
    std::size_t j = 0;
    const auto between = [&](std::size_t left_end, std::size_t right_end) {
      for (; i < left_end; ++i) one_side(*l[i], true);
      for (; j < right_end; ++j) one_side(*r[j], false);
    };
    for (const Match& match : matches) {
      between(match.a, match.b);
      both(*l[i++], *r[j++]);
      if (report_.stopped()) return;
    }
    between(l.size(), r.size());
  }

  static std::vector<std::uint64_t> hashes(const Children& children) {
    std::vector<std::uint64_t> hashes;
    for (const auto* child : children) hashes.push_back(child->hash);
    return hashes;
  }

  static bool reordered(const Children& left, const Children& right) {
    auto l = hashes(left);
    auto r = hashes(right);
    if (l == r) return false;
    std::sort(l.begin(), l.end());
    std::sort(r.begin(), r.end());
    return l == r;
  }

  Matches align(const Children& a, const Children& b) {
    const auto a_hashes = hashes(a);
    const auto b_hashes = hashes(b);
    std::uint64_t steps = report_.steps_left() / 2;
    const std::uint64_t before = steps;
    Matches common;
    if (!longest_common({a_hashes, b_hashes, {}}, steps, common)) report_.truncate();
    report_.spend(before - steps);
    Matches all;
    std::uint32_t i = 0;
    std::uint32_t j = 0;
    const auto gap = [&](std::size_t a_end, std::size_t b_end) {
      for (const Match& match : pair(a, i, a_end, b, j, b_end)) all.push_back(match);
    };
    for (const Match& match : common) {
      gap(match.a, match.b);
      all.push_back(match);
      i = match.a + 1;
      j = match.b + 1;
    }
    gap(a.size(), b.size());
    return all;
  }

  Matches pair(const Children& a, std::uint32_t a_begin, std::size_t a_end, const Children& b,
               std::uint32_t b_begin, std::size_t b_end) {
    const auto a_size = static_cast<std::uint32_t>(a_end - a_begin);
    const auto b_size = static_cast<std::uint32_t>(b_end - b_begin);
    if (a_size == 0 || b_size == 0) return {};
    const std::uint64_t cells = std::uint64_t{a_size} * b_size;
    Matches matches;
    if (cells > kMaxSimilarityCells || cells > report_.steps_left() / 2) {
      report_.truncate();
      for (std::uint32_t k = 0; k < std::min(a_size, b_size); ++k) {
        if (alike(*a[a_begin + k], *b[b_begin + k])) matches.push_back({k, k});
      }
    } else {
      report_.spend(cells);
      matches = most_similar(a_size, b_size, [&](std::uint32_t x, std::uint32_t y) {
        return similarity(*a[a_begin + x], *b[b_begin + y]);
      });
    }
    for (Match& match : matches) match = {match.a + a_begin, match.b + b_begin};
    return matches;
  }

  static bool alike(const MarkupNode& a, const MarkupNode& b) {
    return a.name == b.name && a.space == b.space;
  }

  static std::size_t equal_attributes(const MarkupNode& a, const MarkupNode& b) {
    std::size_t equal = 0;
    auto x = a.attributes.begin();
    auto y = b.attributes.begin();
    while (x != a.attributes.end() && y != b.attributes.end()) {
      const int order = x->name.compare(y->name);
      equal += order == 0 && x->value == y->value;
      if (order <= 0) ++x;
      if (order >= 0) ++y;
    }
    return equal;
  }

  // Elements of one name are half alike already; the rest is shared attributes and
  // children.
  std::uint32_t similarity(const MarkupNode& a, const MarkupNode& b) {
    if (!alike(a, b)) return 0;
    const std::size_t steps = a.attributes.size() + b.attributes.size() +
                              std::min(a.children.size(), b.children.size());
    if (steps > report_.steps_left() / 2) {
      report_.truncate();
      return kFullShare / 2;
    }
    report_.spend(steps);
    const std::size_t most = std::max(a.attributes.size() + a.children.size(),
                                      b.attributes.size() + b.children.size());
    std::size_t equal = equal_attributes(a, b);
    for (std::size_t i = 0; i < std::min(a.children.size(), b.children.size()); ++i) {
      equal += a.children[i].hash == b.children[i].hash;
    }
    const std::uint64_t share = most == 0 ? 0 : equal * (kFullShare / 2) / most;
    return kFullShare / 2 + static_cast<std::uint32_t>(share);
  }

  void both(const MarkupNode& left, const MarkupNode& right) {
    enter(step_of(left), step_of(right));
    if (left.is_text()) {
      values(&left.text, &right.text);
    } else {
      elements(left, right);
    }
    leave();
  }

  void one_side(const MarkupNode& node, bool is_left) {
    report_.spend();
    enter(step_of(node), step_of(node));
    const std::string text = node.is_text() ? node.text : summary(node);
    found(is_left ? Kind::kMissing : Kind::kExtra, is_left ? text : "", is_left ? "" : text);
    leave();
  }

  static std::string summary(const MarkupNode& element) {
    std::string text = "<" + element.name;
    for (const auto& a : element.attributes) text += " " + a.name + "=\"" + a.value + "\"";
    if (element.children.empty()) return text + "/>";
    text += ">";
    for (const auto& child : element.children) {
      text += child.is_text() ? child.text : "<" + child.name + "…>";
    }
    return text + "</" + element.name + ">";
  }

  void enter(Step left, Step right) {
    left_.push_back(std::move(left));
    right_.push_back(std::move(right));
  }
  void leave() {
    left_.pop_back();
    right_.pop_back();
  }

  // Rules of an ancestor hold as well.
  bool forgiven(Kind kind) const {
    if (kind == Kind::kExtra && rules_.mode == Mode::kAdditive &&
        left_.back().name.starts_with('@')) {
      return true;
    }
    for (const auto* way : {&left_, &right_}) {
      Way part;
      for (const Step& step : *way) {
        part.push_back(step);
        if ((ignored(part) & bit(kind)) != 0) return true;
      }
    }
    return false;
  }

  void found(Kind kind, const std::string& left, const std::string& right) {
    if (!markup_rules_.empty() || rules_.mode == Mode::kAdditive) {
      if (forgiven(kind)) return;
    }
    Difference d;
    d.path = xpath(left_);
    d.aggregated = aggregated(left_);
    d.kind = kind;
    d.left = report_.shown(left);
    d.right = report_.shown(right);
    d.right_path = xpath(right_);
    if (d.right_path == d.path) d.right_path.clear();
    report_.add(std::move(d));
  }

  const RuleSet::Compiled& rules_;
  Report& report_;
  std::vector<const CompiledRule*> markup_rules_;
  Way left_;
  Way right_;
};

}  // namespace

BodyCompared diff_markup(const BodyPair& bodies, bool html, const RuleSet::Compiled& rules,
                         Report& report) {
  if (std::max(bodies.left.size(), bodies.right.size()) > kMaxMarkupBytes) {
    report.note("too large to be compared as markup");
    return BodyCompared::kNotIt;
  }
  auto left = parse_markup(bodies.left, html, bodies.left_is_utf8);
  auto right = parse_markup(bodies.right, html, bodies.right_is_utf8);
  if (!left || !right) return BodyCompared::kNotIt;
  MarkupDiff(rules, report).run(*left, *right);
  return BodyCompared::kDone;
}

}  // namespace shadowtap::diff
