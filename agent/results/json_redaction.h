// Replaces secret values in a JSON text, or in the part of one that is there: works on
// tokens, so that a cut, concatenated or slightly wrong document is redacted as well.
// Documents inside strings are followed. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shadowtap::results {

struct JsonSecrets {
  std::function<bool(std::string_view name)> is_secret_name;  // a key, unescaped
  std::function<bool(std::string_view path)> is_secret_path;  // "$.a.b[*].c"; may be empty
  std::function<std::string(std::string_view value)> mark;
};

std::string redact_json(std::string_view text, const JsonSecrets& secrets, int depth = 0);

}  // namespace shadowtap::results
