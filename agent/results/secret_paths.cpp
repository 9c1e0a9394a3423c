#include "agent/results/secret_paths.h"

#include <algorithm>

#include "agent/base/text.h"

namespace shadowtap::results {
namespace {

constexpr std::string_view kBetweenSteps = ".[]|/@";

// Appends the name in quotes that begins at `i`; returns the index after its bracket.
std::size_t append_quoted_step(std::string_view path, std::size_t i, std::string& out) {
  const char quote = path[i];
  out += '.';
  for (++i; i < path.size() && path[i] != quote; ++i) {
    if (path[i] == '\\' && i + 1 < path.size()) ++i;
    out += path[i];
  }
  return std::min(i + 2, path.size());
}

bool is_at_or_below(std::string_view path, std::string_view place) {
  if (!path.starts_with(place)) return false;
  return path.size() == place.size() ||
         kBetweenSteps.find(path[place.size()]) != std::string_view::npos;
}

}  // namespace

std::string_view local_name(std::string_view name) {
  return name.substr(name.rfind(':') + 1);  // npos + 1 is 0
}

std::string plain_path(std::string_view path) {
  if (!path.starts_with('$') && !path.starts_with('/')) return std::string(path);
  std::string out;
  for (std::size_t i = 0; i < path.size();) {
    if (path[i] != '[') {
      out += path[i++];
    } else if (i + 1 < path.size() && (path[i + 1] == '\'' || path[i + 1] == '"')) {
      i = append_quoted_step(path, i + 1, out);
    } else {
      if (path.front() == '$') out += "[*]";
      i = std::min(path.find(']', i), path.size() - 1) + 1;
    }
  }
  return out;
}

std::vector<std::string_view> steps_of(std::string_view plain) {
  std::vector<std::string_view> steps;
  while (!plain.empty()) {
    const std::size_t end = std::min(plain.find_first_of(kBetweenSteps), plain.size());
    if (end > 0) steps.push_back(plain.substr(0, end));
    plain.remove_prefix(std::min(end + 1, plain.size()));
  }
  std::erase(steps, "*");
  return steps;
}

SecretPaths::SecretPaths(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    const std::string plain = plain_path(path);
    if (plain.starts_with('/')) {
      add_markup(plain);
    } else if (plain.starts_with("$..")) {
      const auto steps = steps_of(plain);
      if (steps.size() > 1) names_.emplace_back(steps.back());
    } else if (plain.starts_with('$')) {
      longest_ = std::max(longest_, plain.size());
      paths_.push_back(plain);
    } else {
      paths_.push_back(plain.starts_with("form.") ? plain : to_lower(plain));
    }
  }
}

void SecretPaths::add_markup(std::string_view path) {
  if (path.ends_with("/text()")) path.remove_suffix(7);
  const std::size_t last = path.rfind('/');
  const std::string_view name = path.substr(last + 1);
  if (!name.starts_with('@')) {
    if (!name.empty()) elements_.emplace_back(local_name(name));
    return;
  }
  const std::string_view above = path.substr(0, last);
  attributes_.emplace_back(local_name(above.substr(above.rfind('/') + 1)), local_name(name.substr(1)));
}

bool SecretPaths::contain(std::string_view path) const {
  const std::string plain = plain_path(path);
  if (plain.starts_with('/')) return contain_markup(plain);
  if (plain.starts_with('$') && !names_.empty()) {
    const auto steps = steps_of(plain);
    if (std::any_of(steps.begin(), steps.end(), [&](auto step) { return contain_name(step); })) return true;
  }
  return std::any_of(paths_.begin(), paths_.end(),
                     [&](const std::string& place) { return is_at_or_below(plain, place); });
}

bool SecretPaths::contain_markup(std::string_view plain) const {
  std::string_view above;
  while (!plain.empty()) {
    plain.remove_prefix(1);
    const std::string_view step = plain.substr(0, plain.find('/'));
    plain.remove_prefix(step.size());
    const std::string_view name = local_name(step.substr(step.starts_with('@')));
    if (step.starts_with('@') ? contain_attribute(above, name) : contain_element(name)) return true;
    above = name;
  }
  return false;
}

bool SecretPaths::contain_name(std::string_view key) const {
  return std::find(names_.begin(), names_.end(), key) != names_.end();
}

bool SecretPaths::contain_element(std::string_view name) const {
  return std::any_of(elements_.begin(), elements_.end(),
                     [&](const std::string& one) { return equal_ignoring_case(one, name); });
}

bool SecretPaths::contain_attribute(std::string_view element, std::string_view name) const {
  return std::any_of(attributes_.begin(), attributes_.end(), [&](const auto& one) {
    return equal_ignoring_case(one.first, element) && equal_ignoring_case(one.second, name);
  });
}

}  // namespace shadowtap::results
