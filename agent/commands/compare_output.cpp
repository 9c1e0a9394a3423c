#include "agent/commands/compare_output.h"

#include <boost/json.hpp>
#include <vector>

#include "diff/json_document.h"

namespace shadowtap::commands {
namespace {

using diff::Difference;
using diff::Kind;

constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kPlain = "\x1b[0m";

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

std::size_t columns(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += is_continuation(c) ? 0 : 1;
  return count;
}

// Control characters as they are written in JSON: a response must not drive a terminal.
std::string printable(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else if (c == '\t') {
      out += ' ';
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 0xF];
    }
  }
  return out;
}

// The text in lines of at most `width` columns.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  const auto flush = [&] { lines.push_back(printable(std::exchange(line, {}))); };
  std::size_t used = 0;
  for (const char c : text) {
    if (c == '\n') {
      flush();
      used = 0;
      continue;
    }
    if (!is_continuation(c) && used++ == width) {
      flush();
      used = 1;
    }
    line += c;
  }
  flush();
  return lines;
}

std::string coloured(const std::string& text, std::string_view colour, const TextStyle& style) {
  if (!style.colour || text.empty()) return text;
  return std::string(colour) + text + std::string(kPlain);
}

void append_columns(std::string& out, const Difference& d, const TextStyle& style) {
  const std::size_t width = std::max<std::size_t>(style.width, 40) / 2 - 3;
  const auto left = wrapped(d.left, width);
  const auto right = wrapped(d.right, width);
  for (std::size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
    const std::string l = i < left.size() ? left[i] : "";
    const std::string r = i < right.size() ? right[i] : "";
    out += "  " + coloured(l, kRed, style);
    out.append(width - std::min(width, columns(l)), ' ');
    out += " | " + coloured(r, kGreen, style) + "\n";
  }
}

bool is_json(std::string_view text) {
  diff::JsonDocument document;
  return document.parse(text, text.size() + 1) == diff::JsonParsed::kDocument;
}

std::string quoted(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

// JSON as it stands in the document, so that numbers stay exact.
std::string shown(const Difference& d, const std::string& text, bool absent) {
  if (absent) return "null";
  if (d.path.starts_with('$') && is_json(text)) return text;
  return quoted(text);
}

std::string as_json(const Difference& d) {
  std::string out = "{\"path\":" + quoted(d.path) + ",\"kind\":" + quoted(to_string(d.kind));
  out += ",\"left\":" + shown(d, d.left, d.kind == Kind::kExtra);
  out += ",\"right\":" + shown(d, d.right, d.kind == Kind::kMissing);
  if (!d.right_path.empty()) out += ",\"right_path\":" + quoted(d.right_path);
  return out + "}";
}

}  // namespace

std::string as_text(const diff::Differences& differences, const TextStyle& style) {
  std::string out;
  for (const Difference& d : differences.all) {
    out += coloured(std::string(to_string(d.kind)), kBold, style) + " " + printable(d.path);
    if (!d.right_path.empty()) out += "  (right: " + printable(d.right_path) + ")";
    out += "\n";
    append_columns(out, d, style);
  }
  for (const auto& note : differences.notes) out += "note: " + printable(note) + "\n";
  if (differences.truncated) out += "truncated: there may be more\n";
  if (differences.equal) return out + (differences.ignored ? "equal under the rules\n" : "equal\n");
  const std::size_t count = differences.all.size();
  return out + std::to_string(count) + (count == 1 ? " difference\n" : " differences\n");
}

std::string as_json(const diff::Differences& differences) {
  std::string out = std::string("{\"equal\":") + (differences.equal ? "true" : "false");
  out += std::string(",\"truncated\":") + (differences.truncated ? "true" : "false");
  out += ",\"differences\":[";
  for (std::size_t i = 0; i < differences.all.size(); ++i) {
    out += (i > 0 ? "," : "") + as_json(differences.all[i]);
  }
  out += "]";
  if (differences.ignored) out += ",\"ignored\":true";
  if (!differences.notes.empty()) {
    out += ",\"notes\":[";
    for (std::size_t i = 0; i < differences.notes.size(); ++i) {
      out += (i > 0 ? "," : "") + quoted(differences.notes[i]);
    }
    out += "]";
  }
  return out + "}\n";
}

}  // namespace shadowtap::commands
