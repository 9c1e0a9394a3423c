// Compares two JSON documents node by node, without recursion: the open containers stand
// in a stack, which is also the path. Internal to diff/.
#pragma once

#include <string>
#include <vector>

#include "diff/array_plan.h"
#include "diff/json_side.h"
#include "diff/pairing.h"
#include "diff/report.h"

namespace shadowtap::diff {

// What stands before a document's own '$': nothing, or the place it is embedded at.
struct PathPrefix {
  std::string left;
  std::string right;
  std::string aggregated;
};

class JsonDiff final : private EqualProbe {
 public:
  JsonDiff(JsonSide& left, JsonSide& right, Report& report, PathPrefix prefix = {});
  void run(NodeId left = 0, NodeId right = 0);

  // Runs until the first difference. Reports nothing; steps are taken from the report.
  static bool equal(JsonSide& left, NodeId l, JsonSide& right, NodeId r, Report& report,
                    int depth);

 private:
  enum class MapLike : std::uint8_t { kUnknown, kNo, kYes };
  struct Frame {
    NodeId left;
    NodeId right;
    NodeId left_child;   // the current one; kNobody: there is none
    NodeId right_child;
    std::uint32_t left_index = 0;
    std::uint32_t right_index = 0;
    NodeId left_next;    // lockstep: where to go on
    NodeId right_next;
    bool is_array;
    bool planned = false;
    MapLike map_like = MapLike::kUnknown;
    std::size_t next = 0;
    std::vector<Pairing> plan;        // of members: nodes; of elements: positions
    std::vector<NodeId> left_ids;     // of elements, by position
    std::vector<NodeId> right_ids;
  };

  void advance();
  void advance_members(Frame& frame);
  void advance_plan(Frame& frame);
  void plan_members(Frame& frame);
  void note_duplicates(NodeId left, NodeId right);

  void visit_child(Frame& frame);
  void compare_nodes(NodeId left, NodeId right);
  void compare_scalars(NodeId left, NodeId right);
  bool compare_embedded(NodeId left, NodeId right);
  bool forgiven_value(NodeId left, NodeId right) const;
  void one_sided(Frame& frame);
  Frame frame_of(NodeId left, NodeId right) const;
  void push(NodeId left, NodeId right);
  void push_array(NodeId left, NodeId right);

  bool forgiven(Kind kind, Kinds ignored) const { return (ignored & bit(kind)) != 0; }
  Kinds ignored(NodeId left, NodeId right) const;
  void found(Kind kind, NodeId left, NodeId right);

  bool equal(NodeId left, NodeId right) override;

  std::string path(bool left_side) const;
  std::string aggregated();
  bool is_map_like(Frame& frame, const std::string& path_so_far);
  std::string_view shown_raw(const JsonSide& side, NodeId id) const;

  JsonSide& left_;
  JsonSide& right_;
  Report& report_;
  PathPrefix prefix_;
  std::vector<Frame> frames_;
  bool probing_ = false;
  bool differs_ = false;  // while probing
  int probe_depth_ = 0;
};

}  // namespace shadowtap::diff
