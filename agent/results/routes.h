// Which route a request belongs to: the Canonical-Resource header, else the first
// pattern that fits (Diffy's syntax), else a template learned from the paths seen.
//
// Learning: a segment that looks like a value is one; a place that took more literal
// words than `max_words` was a value all along, and its routes are merged. At
// `max_routes` the fullest such place is given up early, and what then still is new
// goes to `other`. Knows nothing of what is counted for a route.
//
// Control thread. Owned by one service's results.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/base/result.h"

namespace shadowtap::results {

using RouteIndex = std::uint32_t;

struct Route {
  std::string method;
  std::string name;  // "/users/{id}", a pattern's name, a Canonical-Resource, or "other"
  bool gone = false;  // merged into another
};

struct RouteMerge {
  RouteIndex from;
  RouteIndex into;
};

struct RouteOptions {
  std::vector<std::string> patterns;  // "/users/:id;user"
  std::size_t max_routes = 1000;
  std::size_t max_words = 64;
};

class RouteTable {
 public:
  static Result<RouteTable> make(const RouteOptions& options);
  RouteTable(RouteTable&&) noexcept;
  RouteTable& operator=(RouteTable&&) noexcept;
  ~RouteTable();

  // `canonical` is the header's value, empty where it is absent. Merges that this path
  // caused stand in merges() until taken: file them before using the index.
  RouteIndex resolve(std::string_view method, std::string_view target, std::string_view canonical);
  std::vector<RouteMerge> take_merges() { return std::exchange(merges_, {}); }

  // Puts a route back that was kept across a restart.
  RouteIndex restore(std::string_view method, std::string_view name);

  // Places whose words are values, by name: to be restored before the routes.
  std::vector<std::string> given_up() const;
  void restore_given_up(std::string_view name);

  const Route& at(RouteIndex index) const { return routes_[index]; }
  std::size_t size() const { return routes_.size(); }

 private:
  struct Node;
  struct Patterns;

  RouteTable();
  RouteIndex named(std::string_view method, std::string_view name);
  RouteIndex add(std::string_view method, std::string_view name);
  RouteIndex learned(std::string_view method, std::string_view path);
  RouteIndex other();
  Node& place_of(const std::vector<std::string>& words);
  void give_up(Node& node);
  void absorb(Node& into, Node& from);
  bool make_room();

  RouteOptions options_;
  std::unique_ptr<Patterns> patterns_;
  std::unique_ptr<Node> root_;
  std::vector<Route> routes_;
  std::map<std::pair<std::string, std::string>, RouteIndex> by_name_;
  std::vector<RouteMerge> merges_;
  std::size_t alive_ = 0;
  bool no_room_ = false;  // nothing to give up, as of the last look
};

}  // namespace shadowtap::results
