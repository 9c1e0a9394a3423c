#include "diff/json_diff.h"

#include <algorithm>

#include "diff/json_path.h"

namespace shadowtap::diff {
namespace {

// Probes run inside alignments that run inside probes; so deep, two elements that hashes
// cannot tell apart count as different.
constexpr int kMaxProbeDepth = 12;
// Texts of whole containers are compared first, but not at each level of a deep document.
constexpr std::size_t kMaxTextDepth = 32;

// INTERFACES section 5, "Map-like".
bool keys_look_map_like(const JsonDocument& doc, NodeId object) {
  const std::uint32_t count = doc[object].count;
  if (count > 50) return true;
  if (count < 4) return false;
  std::uint32_t id_like = 0;
  for (NodeId c = object + 1; c < doc[object].end; c = doc[c].end) {
    if (is_id_like(doc.key(c))) ++id_like;
  }
  return id_like * 2 > count;
}

}  // namespace

JsonDiff::JsonDiff(JsonSide& left, JsonSide& right, Report& report, PathPrefix prefix)
    : left_(left), right_(right), report_(report), prefix_(std::move(prefix)) {}

void JsonDiff::run(NodeId left, NodeId right) {
  compare_nodes(left, right);
  while (!frames_.empty() && !report_.stopped() && !differs_) advance();
}

bool JsonDiff::equal(JsonSide& left, NodeId l, JsonSide& right, NodeId r, Report& report,
                     int depth) {
  JsonDiff diff(left, right, report);
  diff.probing_ = true;
  diff.probe_depth_ = depth;
  diff.run(l, r);
  return !diff.differs_ && !report.stopped();
}

bool JsonDiff::equal(NodeId left, NodeId right) {
  if (probe_depth_ >= kMaxProbeDepth) return false;
  return equal(left_, left, right_, right, report_, probe_depth_ + 1);
}

JsonDiff::Frame JsonDiff::frame_of(NodeId left, NodeId right) const {
  return {.left = left, .right = right, .left_child = kNobody, .right_child = kNobody,
          .left_next = left + 1, .right_next = right + 1,
          .is_array = left_.doc()[left].type == JsonType::kArray, .plan = {}, .left_ids = {},
          .right_ids = {}};
}

void JsonDiff::push(NodeId left, NodeId right) {
  const JsonNode& l = left_.doc()[left];
  const JsonNode& r = right_.doc()[right];
  if (l.count == 0 && r.count == 0) return;
  if (frames_.size() < kMaxTextDepth && left_.doc().raw(left) == right_.doc().raw(right) &&
      !l.duplicates) {
    return;
  }
  if (l.type == JsonType::kArray) return push_array(left, right);
  const bool duplicates = l.duplicates || r.duplicates;
  if (duplicates) note_duplicates(left, right);
  frames_.push_back(frame_of(left, right));
  if (duplicates) plan_members(frames_.back());
}

void JsonDiff::push_array(NodeId left, NodeId right) {
  ArrayPlan plan = plan_array(left_, left, right_, right, *this, report_);
  if (plan.order) {
    if (!forgiven(Kind::kOrder, ignored(left, right))) found(Kind::kOrder, left, right);
    return;
  }
  if (!probing_ && plan.by_position) report_.truncate();
  if (!probing_ && plan.odd_keys && report_.takes_notes()) {
    report_.note("elements of " + path(true) + " without a unique key are aligned by content");
  }
  if (plan.pairings.empty()) return;
  Frame& frame = frames_.emplace_back(frame_of(left, right));
  frame.planned = true;
  frame.plan = std::move(plan.pairings);
  frame.left_ids = std::move(plan.left);
  frame.right_ids = std::move(plan.right);
}

void JsonDiff::advance() {
  Frame& frame = frames_.back();
  if (frame.planned) {
    advance_plan(frame);
  } else {
    advance_members(frame);
  }
}

// Members in the same order need no plan.
void JsonDiff::advance_members(Frame& frame) {
  const JsonDocument& l = left_.doc();
  const JsonDocument& r = right_.doc();
  const bool left_done = frame.left_next == l[frame.left].end;
  const bool right_done = frame.right_next == r[frame.right].end;
  if (left_done && right_done) {
    frames_.pop_back();
    return;
  }
  if (left_done || right_done || l.key(frame.left_next) != r.key(frame.right_next)) {
    plan_members(frame);
    return;
  }
  frame.left_child = frame.left_next;
  frame.right_child = frame.right_next;
  frame.left_next = l[frame.left_child].end;
  frame.right_next = r[frame.right_child].end;
  visit_child(frame);
}

void JsonDiff::advance_plan(Frame& frame) {
  if (frame.next == frame.plan.size()) {
    frames_.pop_back();
    return;
  }
  const Pairing pairing = frame.plan[frame.next++];
  frame.left_child = pairing.left;
  frame.right_child = pairing.right;
  if (frame.is_array) {
    frame.left_index = pairing.left;
    frame.right_index = pairing.right;
    if (pairing.left != kNobody) frame.left_child = frame.left_ids[pairing.left];
    if (pairing.right != kNobody) frame.right_child = frame.right_ids[pairing.right];
  }
  visit_child(frame);
}

// Members from the cursors on, paired by key. Of a key that repeats, the last ones belong
// together, then the earlier ones in their order.
void JsonDiff::plan_members(Frame& frame) {
  const JsonDocument& l = left_.doc();
  const JsonDocument& r = right_.doc();
  const auto sorted = [&](const JsonDocument& doc, NodeId first, NodeId end) {
    std::vector<NodeId> ids;
    for (NodeId c = first; c < end; c = doc[c].end) ids.push_back(c);
    std::sort(ids.begin(), ids.end(), [&](NodeId a, NodeId b) {
      const int order = doc.key(a).compare(doc.key(b));
      return order != 0 ? order < 0 : a < b;
    });
    return ids;
  };
  const auto left = sorted(l, frame.left_next, l[frame.left].end);
  const auto right = sorted(r, frame.right_next, r[frame.right].end);
  report_.spend(left.size() + right.size());
  const auto run_end = [](const JsonDocument& doc, const std::vector<NodeId>& ids,
                          std::size_t i, std::string_view key) {
    while (i < ids.size() && doc.key(ids[i]) == key) ++i;
    return i;
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < left.size() || j < right.size()) {
    const bool take_left =
        j == right.size() || (i < left.size() && l.key(left[i]) <= r.key(right[j]));
    const std::string_view key = take_left ? l.key(left[i]) : r.key(right[j]);
    const std::size_t left_end = run_end(l, left, i, key);
    const std::size_t right_end = run_end(r, right, j, key);
    if (i < left_end && j < right_end) {
      frame.plan.push_back({left[left_end - 1], right[right_end - 1]});
    } else {
      frame.plan.push_back({i < left_end ? left[left_end - 1] : kNobody,
                            j < right_end ? right[right_end - 1] : kNobody});
    }
    while (i + 1 < left_end || j + 1 < right_end) {
      frame.plan.push_back({i + 1 < left_end ? left[i++] : kNobody,
                            j + 1 < right_end ? right[j++] : kNobody});
    }
    i = left_end;
    j = right_end;
  }
  // As they stand on the left; what only the right has comes last.
  std::stable_sort(frame.plan.begin(), frame.plan.end(), [](const Pairing& a, const Pairing& b) {
    return a.left != b.left ? a.left < b.left : a.left == kNobody && a.right < b.right;
  });
  frame.planned = true;
}

void JsonDiff::note_duplicates(NodeId left, NodeId right) {
  if (probing_ || !report_.takes_notes()) return;
  const bool l = left_.doc()[left].duplicates;
  const bool r = right_.doc()[right].duplicates;
  report_.note("duplicate keys in " + path(true) + (l && r ? " on both sides"
                                                    : l  ? " of the original"
                                                         : " of the candidate"));
}

void JsonDiff::visit_child(Frame& frame) {
  if (frame.left_child != kNobody && frame.right_child != kNobody) {
    compare_nodes(frame.left_child, frame.right_child);
  } else {
    one_sided(frame);
  }
}

void JsonDiff::one_sided(Frame& frame) {
  report_.spend();
  if (frame.left_child != kNobody) {
    if (!forgiven(Kind::kMissing, left_.mark(frame.left_child).ignored)) {
      found(Kind::kMissing, frame.left_child, kNobody);
    }
    return;
  }
  if (!frame.is_array && left_.rules().mode == Mode::kAdditive) return;
  if (!forgiven(Kind::kExtra, right_.mark(frame.right_child).ignored)) {
    found(Kind::kExtra, kNobody, frame.right_child);
  }
}

Kinds JsonDiff::ignored(NodeId left, NodeId right) const {
  return left_.mark(left).ignored | right_.mark(right).ignored;
}

void JsonDiff::compare_nodes(NodeId left, NodeId right) {
  if (!report_.spend()) return;
  const Kinds ignored_kinds = ignored(left, right);
  if (ignored_kinds == kAllKinds) return;
  const JsonType l = left_.doc()[left].type;
  const JsonType r = right_.doc()[right].type;
  if (!same_type(l, r)) {
    if (!forgiven(Kind::kType, ignored_kinds)) found(Kind::kType, left, right);
  } else if (l >= JsonType::kArray) {
    push(left, right);
  } else {
    compare_scalars(left, right);
  }
}

void JsonDiff::compare_scalars(NodeId left, NodeId right) {
  if (equal_scalars(left_.doc(), left, right_.doc(), right)) return;
  if (left_.doc()[left].type == JsonType::kString && compare_embedded(left, right)) return;
  if (left_.rules().mode == Mode::kShape) return;
  if (forgiven(Kind::kValue, ignored(left, right)) || forgiven_value(left, right)) return;
  found(Kind::kValue, left, right);
}

bool JsonDiff::compare_embedded(NodeId left, NodeId right) {
  JsonSide* l = left_.embedded(left);
  JsonSide* r = l == nullptr ? nullptr : right_.embedded(right);
  if (r == nullptr || forgiven_value(left, right)) return false;
  if (probing_) {
    if (!equal(*l, 0, *r, 0, report_, probe_depth_ + 1)) differs_ = true;
    return true;
  }
  JsonDiff inner(*l, *r, report_,
                 {path(true) + "|", path(false) + "|",
                  aggregated() + "|"});
  inner.run();
  return true;
}

bool JsonDiff::forgiven_value(NodeId left, NodeId right) const {
  if (left_.forgiving(left).empty() && right_.forgiving(right).empty()) return false;
  const JsonType type = left_.doc()[left].type;
  const bool number = type == JsonType::kNumber;
  const auto text = [type](const JsonSide& side, NodeId id) {
    return type == JsonType::kString ? side.doc().string(id) : side.doc().raw(id);
  };
  const auto forgives = [&](RuleRef ref) {
    return left_.rules().rules[ref - 1U].forgives(text(left_, left), text(right_, right), number);
  };
  return std::ranges::any_of(left_.forgiving(left), forgives) ||
         std::ranges::any_of(right_.forgiving(right), forgives);
}

std::string_view JsonDiff::shown_raw(const JsonSide& side, NodeId id) const {
  return id == kNobody ? std::string_view() : side.doc().raw(id);
}

void JsonDiff::found(Kind kind, NodeId left, NodeId right) {
  if (probing_) {
    differs_ = true;
    return;
  }
  Difference d;
  d.kind = kind;
  d.path = path(true);
  d.aggregated = aggregated();
  d.left = report_.shown(shown_raw(left_, left));
  d.right = report_.shown(shown_raw(right_, right));
  d.right_path = path(false);
  if (d.right_path == d.path) d.right_path.clear();
  report_.add(std::move(d));
}

// The way through the open containers. Indexes are the left's (or the right's); where
// the element is on one side only, its own index is the one it has.
std::string JsonDiff::path(bool left_side) const {
  std::string path = (left_side ? prefix_.left : prefix_.right) + "$";
  for (const Frame& frame : frames_) {
    const bool has_left = frame.left_child != kNobody;
    const bool has_right = frame.right_child != kNobody;
    if (!frame.is_array) {
      append_member(path, has_left ? left_.doc().key(frame.left_child)
                                   : right_.doc().key(frame.right_child));
    } else {
      const bool use_left = has_left && (left_side || !has_right);
      append_index(path, use_left ? frame.left_index : frame.right_index);
    }
  }
  return path;
}

std::string JsonDiff::aggregated() {
  std::string path = prefix_.aggregated + "$";
  for (Frame& frame : frames_) {
    if (frame.is_array) {
      path += "[*]";
      continue;
    }
    const std::string_view key = frame.left_child != kNobody
                                     ? left_.doc().key(frame.left_child)
                                     : right_.doc().key(frame.right_child);
    if (is_map_like(frame, path) || is_id_like(key)) {
      path += ".*";
    } else {
      append_member(path, key);
    }
  }
  return path;
}

bool JsonDiff::is_map_like(Frame& frame, const std::string& path_so_far) {
  if (frame.map_like == MapLike::kUnknown) {
    const bool seen = keys_look_map_like(left_.doc(), frame.left) ||
                      keys_look_map_like(right_.doc(), frame.right);
    const bool known = report_.known_map_like(path_so_far);
    if (seen && !known) report_.found_map_like(path_so_far);
    frame.map_like = seen || known ? MapLike::kYes : MapLike::kNo;
  }
  return frame.map_like == MapLike::kYes;
}

}  // namespace shadowtap::diff
