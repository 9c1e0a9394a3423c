#include "diff/json_rules.h"

#include <algorithm>

namespace shadowtap::diff {
namespace {

// A rule that has come to a node: `segment` is the next one to match below it.
struct State {
  RuleRef rule;
  std::uint16_t part;
  std::uint16_t segment;
  bool operator==(const State&) const = default;
};

// The walk over one document with the states that are alive at each open container. The
// states of all open containers stand in one stack.
class Marker {
 public:
  using Bars = std::unordered_map<NodeId, std::vector<JsonRuleStart>>;

  Marker(const JsonDocument& document, const RuleSet::Compiled& rules,
         std::vector<JsonMark>& marks, RuleSets& forgiving, Bars& bars)
      : document_(document), rules_(rules), marks_(marks), forgiving_(forgiving), bars_(bars) {}

  void run(std::span<const JsonRuleStart> starts, Kinds inherited) {
    marks_[0].ignored = inherited;
    for (const auto& start : starts) arrive(0, {start.rule, start.part, 0});
    enter(0, 0);
    while (!open_.empty()) {
      Open& top = open_.back();
      if (top.child == document_[top.node].end) {
        states_.resize(top.first_state);
        open_.pop_back();
        continue;
      }
      const NodeId child = top.child;
      top.child = document_[child].end;
      visit(child, top, top.index++);
    }
  }

 private:
  struct Open {
    NodeId node;
    NodeId child;
    std::size_t first_state;
    std::size_t end_state;
    std::int64_t index;
  };

  const JsonPath& path(const State& s) const {
    return rules_.rules[s.rule - 1U].path.json[s.part];
  }

  void visit(NodeId child, Open parent, std::int64_t index) {
    const std::size_t first = states_.size();
    marks_[child].ignored = marks_[parent.node].ignored;
    for (std::size_t i = parent.first_state; i < parent.end_state; ++i) {
      const State state = states_[i];
      const JsonSegment& segment = path(state).segments[state.segment];
      if (segment.descendant) add(first, state);
      if (selects(segment, parent.node, child, index)) {
        State next = state;
        ++next.segment;
        arrive_at(child, next, first);
      }
    }
    enter(child, first);
  }

  bool selects(const JsonSegment& segment, NodeId parent, NodeId child,
               std::int64_t index) const {
    if (document_[parent].type == JsonType::kObject) {
      return segment.selects_member(document_.key(child));
    }
    return segment.selects_element(index, document_[parent].count);
  }

  void arrive(NodeId node, const State& state) { arrive_at(node, state, 0); }

  void arrive_at(NodeId node, const State& state, std::size_t first) {
    if (state.segment < path(state).segments.size()) return add(first, state);
    const CompiledRule& rule = rules_.rules[state.rule - 1U];
    if (state.part + 1U < rule.path.json.size()) {
      bars_[node].push_back({state.rule, static_cast<std::uint16_t>(state.part + 1)});
    } else {
      apply(rule, state.rule, marks_[node]);
    }
  }

  void apply(const CompiledRule& rule, RuleRef ref, JsonMark& mark) {
    using Action = CompiledRule::Action;
    switch (rule.action) {
      case Action::kIgnore:
        mark.ignored |= rule.kinds;
        mark.own = true;
        break;
      case Action::kUnordered:
      case Action::kKeyed:
        if (mark.array == 0) mark.array = ref;
        break;
      case Action::kTolerance:
      case Action::kPattern:
        mark.forgiving = forgiving_.with(mark.forgiving, ref);
        break;
    }
  }

  // Descendant segments can reach one state on two ways.
  void add(std::size_t first, const State& state) {
    const auto begin = states_.begin() + static_cast<std::ptrdiff_t>(first);
    if (std::find(begin, states_.end(), state) == states_.end()) states_.push_back(state);
  }

  // Goes into a container; where no rule is alive and nothing is inherited, it is left out.
  void enter(NodeId node, std::size_t first) {
    const bool alive = states_.size() > first || marks_[node].ignored != 0;
    if (!document_.is_container(node) || !alive) {
      states_.resize(first);
      return;
    }
    open_.push_back({node, node + 1, first, states_.size(), 0});
  }

  const JsonDocument& document_;
  const RuleSet::Compiled& rules_;
  std::vector<JsonMark>& marks_;
  RuleSets& forgiving_;
  Bars& bars_;
  std::vector<State> states_;
  std::vector<Open> open_;
};

}  // namespace

std::uint32_t RuleSets::with(std::uint32_t set, RuleRef rule) {
  const auto& rules = sets_[set];
  if (std::find(rules.begin(), rules.end(), rule) != rules.end()) return set;
  const auto next = static_cast<std::uint32_t>(sets_.size());
  const auto [known, is_new] = known_.try_emplace({set, rule}, next);
  if (is_new) {
    auto more = rules;
    more.push_back(rule);
    sets_.push_back(std::move(more));
  }
  return known->second;
}

void JsonMarks::build(const JsonDocument& document, const RuleSet::Compiled& rules,
                      std::span<const JsonRuleStart> starts, Kinds inherited) {
  if (starts.empty() && inherited == 0) return;
  marks_.resize(document.size());
  Marker(document, rules, marks_, forgiving_, bars_).run(starts, inherited);
}

std::vector<JsonRuleStart> JsonMarks::starts_at(NodeId string) const {
  const auto found = bars_.find(string);
  return found == bars_.end() ? std::vector<JsonRuleStart>{} : found->second;
}

std::vector<JsonRuleStart> JsonMarks::all_starts(const RuleSet::Compiled& rules) {
  std::vector<JsonRuleStart> starts;
  for (std::size_t i = 0; i < rules.rules.size(); ++i) {
    if (rules.rules[i].path.into != RulePath::Into::kJson) continue;
    starts.push_back({static_cast<RuleRef>(i + 1), 0});
  }
  return starts;
}

}  // namespace shadowtap::diff
