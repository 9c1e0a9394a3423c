// Sets fields from a Node and says what is wrong with it, each with its place: unknown and
// missing keys, wrong types, wrong values. Goes on after a mistake, so that one run names
// them all.
#pragma once

#include <set>

#include "agent/config/fields.h"
#include "agent/config/node.h"

namespace shadowtap::config {

struct Complaints {
  std::string file;
  std::vector<std::string> all;  // at most kMost

  void add(Place place, const std::string& sentence);
  std::string joined() const;  // one a line

  static constexpr std::size_t kMost = 20;
};

class Reader final : public Fields {
 public:
  // `map` must be a map and outlive this.
  // `item_of`: the list whose item a lone word is; complaints about it then name the list.
  Reader(const Node& map, Complaints& complaints, std::string_view item_of = {})
      : map_(map), complaints_(complaints), item_of_(item_of) {}

  void scalar(std::string_view key, const Scalar& scalar) override;
  void group(std::string_view key, bool present,
             const std::function<void(Fields&)>& describe) override;
  void list(std::string_view key, const List& list) override;
  void words(std::string_view key, const Words& words) override;
  bool is_word(std::string_view key, bool now) const override;
  void require(std::string_view key) override;
  void complain(std::string_view key, const std::string& sentence) override;

  // After the fields: every key that none of them named is a mistake.
  void refuse_unknown();

  // The whole of it: `root` (a map, or nothing at all) into `describe`'s struct.
  static void read(const Node& root, Complaints& complaints,
                   const std::function<void(Fields&)>& describe);

 private:
  const Node* take(std::string_view key, Node::Kind kind, std::string_view shape);
  void read_item(const Node& item, std::size_t index, const List& list, std::string_view key);

  const Node& map_;
  Complaints& complaints_;
  std::string_view item_of_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace shadowtap::config
