#include "diff/rule_path.h"

#include <charconv>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

bool parse_json_parts(PathCursor& cursor, RulePath& path) {
  path.into = RulePath::Into::kJson;
  do {
    if (!parse_json_path(cursor, path.json.emplace_back())) return false;
  } while (cursor.take('|'));
  return true;
}

bool parse_step_index(PathCursor& cursor, MarkupStep& step) {
  if (!cursor.take('[')) return true;
  if (!cursor.take('*')) {
    const char* begin = cursor.text.data() + cursor.at;
    const auto [end, error] =
        std::from_chars(begin, cursor.text.data() + cursor.text.size(), step.index);
    if (error != std::errc() || step.index < 1) return cursor.fail("expected an index from 1");
    cursor.at += static_cast<std::size_t>(end - begin);
  }
  return cursor.take(']') || cursor.fail("expected ']'");
}

bool parse_markup(PathCursor& cursor, RulePath& path) {
  path.into = RulePath::Into::kMarkup;
  while (!cursor.done()) {
    if (!cursor.take('/')) return cursor.fail("expected '/'");
    MarkupStep& step = path.markup.emplace_back();
    step.descendant = cursor.take('/');
    const std::size_t begin = cursor.at;
    while (!cursor.done() && cursor.peek() != '/' && cursor.peek() != '[') ++cursor.at;
    step.name = cursor.text.substr(begin, cursor.at - begin);
    if (step.name.empty() || step.name == "@") return cursor.fail("expected a name");
    if (!parse_step_index(cursor, step)) return false;
  }
  return true;
}

bool parse_number(PathCursor& cursor, RulePath& path, RulePath::Into into) {
  path.into = into;
  if (cursor.take('*')) {
    path.any_number = true;
  } else {
    const char* begin = cursor.text.data() + cursor.at;
    const auto [end, error] =
        std::from_chars(begin, cursor.text.data() + cursor.text.size(), path.number);
    if (error != std::errc()) return cursor.fail("expected a number or '*'");
    cursor.at += static_cast<std::size_t>(end - begin);
  }
  return cursor.done() || cursor.fail("expected the end");
}

bool parse_name(PathCursor& cursor, RulePath& path, RulePath::Into into) {
  path.into = into;
  const std::string_view name = cursor.text.substr(cursor.at);
  if (name.empty()) return cursor.fail("expected a name or '*'");
  path.name = into == RulePath::Into::kForm ? std::string(name) : to_lower(name);
  return true;
}

bool parse(PathCursor& cursor, RulePath& path) {
  using Into = RulePath::Into;
  static constexpr std::pair<std::string_view, Into> kNamed[] = {
      {"headers.", Into::kHeader}, {"cookies.", Into::kCookie},
      {"trailers.", Into::kTrailer}, {"form.", Into::kForm}};
  if (cursor.peek() == '$') return parse_json_parts(cursor, path);
  if (cursor.peek() == '/') return parse_markup(cursor, path);
  for (const auto& [prefix, into] : kNamed) {
    if (!cursor.text.starts_with(prefix)) continue;
    cursor.at = prefix.size();
    return parse_name(cursor, path, into);
  }
  const auto numbered = [&](std::string_view prefix) {
    if (!cursor.text.starts_with(prefix)) return false;
    cursor.at = prefix.size();
    return true;
  };
  if (numbered("line ")) return parse_number(cursor, path, Into::kLine);
  if (numbered("byte ")) return parse_number(cursor, path, Into::kByte);
  if (cursor.text == "status") {
    path.into = Into::kStatus;
    return true;
  }
  return cursor.fail(
      "expected '$', '/', status, headers., cookies., trailers., form., line or byte");
}

}  // namespace

bool parse_rule_path(std::string_view text, RulePath& path, std::string& error) {
  PathCursor cursor{.text = text, .at = 0, .error = {}};
  if (parse(cursor, path)) return true;
  error = "at " + std::to_string(cursor.at + 1) + ": " + cursor.error;
  return false;
}

}  // namespace shadowtap::diff
