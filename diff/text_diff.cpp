#include <algorithm>
#include <string>
#include <vector>

#include "diff/body_diff.h"

namespace shadowtap::diff {
namespace {

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (true) {
    const auto newline = text.find('\n');
    lines.push_back(text.substr(0, newline));
    if (newline == text.npos) return lines;
    text.remove_prefix(newline + 1);
  }
}

}  // namespace

void diff_text(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  if (bodies.left == bodies.right || rules.mode == Mode::kShape) return;
  const auto left = lines_of(bodies.left);
  const auto right = lines_of(bodies.right);
  std::size_t first = 0;
  while (first < std::min(left.size(), right.size()) && left[first] == right[first]) ++first;
  if ((rules.ignored_at(RulePath::Into::kLine, first + 1) & bit(Kind::kText)) != 0) return;
  report.add({"line " + std::to_string(first + 1), "line *", Kind::kText,
              report.shown(first < left.size() ? left[first] : ""),
              report.shown(first < right.size() ? right[first] : ""), ""});
}

void diff_binary(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  if (bodies.left == bodies.right || rules.mode == Mode::kShape) return;
  const auto [l, r] = std::mismatch(bodies.left.begin(), bodies.left.end(),
                                    bodies.right.begin(), bodies.right.end());
  const auto offset = static_cast<std::size_t>(l - bodies.left.begin());
  if ((rules.ignored_at(RulePath::Into::kByte, offset) & bit(Kind::kBinary)) != 0) return;
  const auto hex = [](std::string_view bytes) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (const char c : bytes.substr(0, 16)) {
      if (!text.empty()) text += ' ';
      text += kDigits[static_cast<unsigned char>(c) >> 4];
      text += kDigits[c & 0xF];
    }
    return text;
  };
  report.add({"byte " + std::to_string(offset), "byte *", Kind::kBinary,
              hex(bodies.left.substr(offset)), hex(bodies.right.substr(offset)), ""});
}

}  // namespace shadowtap::diff
