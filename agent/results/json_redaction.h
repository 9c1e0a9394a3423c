// Replaces secret values in a JSON text, or in the part of one that is there: works on
// tokens, so that a cut, concatenated or slightly wrong document is redacted as well, and one
// in a script or a line of one too. What strings hold is followed. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::results {

struct JsonSecrets {
  std::function<bool(std::string_view name)> is_secret_name;  // a key, unescaped
  std::function<bool(std::string_view path)> is_secret_path;  // "$.a.b[*].c"
  std::function<std::string(std::string_view value)> mark;
  std::size_t longest_path = 0;  // that is_secret_path may take; 0: it need not be asked
  // What the text's root is called: "$", or of a part of a document the path of that part.
  std::vector<std::string> roots{"$"};
};

// The index after the string whose quote is at `quote`, or the end of a cut text.
std::size_t end_of_json_string(std::string_view text, std::size_t quote);
std::string_view inside_quotes(std::string_view json_string);
// What is not ASCII and escaped as \u stays that, in both directions.
std::string unescape_json(std::string_view raw);
std::string escape_json(std::string_view text);

std::string redact_json(std::string_view text, const JsonSecrets& secrets, int depth = 0);

}  // namespace shadowtap::results
