#include "agent/config/node.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "agent/base/unique_fd.h"

namespace shadowtap::config {

const Node* Node::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [key](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));
}

Node& Node::add(std::string_view key) {
  return entries.emplace_back(Entry{std::string(key), {}, {}}).value;
}

Node empty_map(Place place) {
  Node node;
  node.kind = Node::Kind::kMap;
  node.place = place;
  return node;
}

Node scalar_node(std::string scalar, bool is_text) {
  Node node;
  node.kind = Node::Kind::kScalar;
  node.scalar = std::move(scalar);
  node.is_text = is_text;
  return node;
}

bool operator==(const Node& a, const Node& b) {
  return a.kind == b.kind && a.scalar == b.scalar && a.items == b.items &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
                    [](const Entry& x, const Entry& y) {
                      return x.key == y.key && x.value == y.value;
                    });
}

Result<Node> read_yaml_file(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno_error(path);
  struct stat status {};
  if (::fstat(file.get(), &status) == 0 && S_ISDIR(status.st_mode)) {
    return errno_error(path, EISDIR);
  }
  std::string text;
  char buffer[16384];
  while (text.size() <= TextLimits().max_bytes) {
    const ssize_t n = ::read(file.get(), buffer, sizeof buffer);
    if (n < 0) return errno_error(path);
    if (n == 0) break;
    text.append(buffer, static_cast<std::size_t>(n));
  }
  return read_yaml(text, path);
}

}  // namespace shadowtap::config
