// Which places are secret by configuration, in the notation of differences: "$.user.ssn",
// "$.cards[*].number", "$['odd key']", "form.card", "headers.x-user", "/order/card",
// "/order/@id". Indexes do not count, and what stands below a place is secret with it.
// "$..card" names a key at any depth, and so does the last step of a longer "$..a.b". Of a
// markup path the last step is taken, wherever that element or attribute stands: HTML's
// elements have no certain place. There are no other wildcards.
//
// Immutable; any thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace shadowtap::results {

// As the paths above are compared: "$['a b'][3].c" is "$.a b[*].c".
std::string plain_path(std::string_view path);
// The names on the way: "$.a[*].b" has "$", "a" and "b".
std::vector<std::string_view> steps_of(std::string_view plain_path);

class SecretPaths {
 public:
  explicit SecretPaths(const std::vector<std::string>& paths);

  bool contain(std::string_view path) const;  // exact or aggregated
  bool contain_name(std::string_view key) const;  // as "$..key"
  // Local names, in either case. Whether the element itself is secret is another question.
  bool contain_element(std::string_view name) const;
  bool contain_attribute(std::string_view element, std::string_view name) const;
  // Of a JSON path that is configured itself, in characters; 0: there is none.
  std::size_t longest() const { return longest_; }

 private:
  void add_markup(std::string_view path);
  bool contain_markup(std::string_view plain) const;

  std::vector<std::string> paths_;
  std::vector<std::string> names_;
  std::vector<std::string> elements_;
  std::vector<std::pair<std::string, std::string>> attributes_;  // of which element
  std::size_t longest_ = 0;
};

// Without the prefix of a namespace: "soap:Body" is "Body".
std::string_view local_name(std::string_view name);

}  // namespace shadowtap::results
