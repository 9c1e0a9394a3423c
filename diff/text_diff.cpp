#include <algorithm>
#include <string>
#include <vector>

#include "diff/align.h"
#include "diff/body_diff.h"
#include "diff/hash.h"

namespace shadowtap::diff {
namespace {

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines lines;
  while (true) {
    const auto newline = text.find('\n');
    lines.push_back(text.substr(0, newline));
    if (newline == text.npos) return lines;
    text.remove_prefix(newline + 1);
  }
}

class TextDiff {
 public:
  TextDiff(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report)
      : rules_(rules), report_(report), left_(lines_of(bodies.left)),
        right_(lines_of(bodies.right)) {
    has_patterns_ = std::any_of(rules.rules.begin(), rules.rules.end(), [](const auto& rule) {
      return rule.path.into == RulePath::Into::kLine &&
             rule.action == CompiledRule::Action::kPattern;
    });
  }

  void run() {
    if (!report_.spend(left_.size() + right_.size())) return;
    const auto left_hashes = hashes(left_);
    const auto right_hashes = hashes(right_);
    const Sequences sequences{left_hashes, right_hashes, {}};
    std::uint64_t steps = report_.steps_left();
    const std::uint64_t before = steps;
    Matches matches;
    const bool swap = right_hashes.size() < left_hashes.size() ||
                      (right_hashes.size() == left_hashes.size() && right_ < left_);
    const bool complete =
        swap ? longest_common({right_hashes, left_hashes, {}}, steps, matches)
             : longest_common(sequences, steps, matches);
    if (swap) {
      for (auto& match : matches) std::swap(match.a, match.b);
    }
    report_.spend(before - steps);
    std::erase_if(matches, [&](const Match& m) { return !same(m.a, m.b); });
    // Without an alignment, the first difference is still where it is.
    if (!complete) {
      matches = common_ends();
      report_.truncate();
    }
    hunks(matches);
  }

 private:
  // Lines that a pattern makes equal have one hash.
  std::vector<std::uint64_t> hashes(const Lines& lines) const {
    std::vector<std::uint64_t> hashes;
    hashes.reserve(lines.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const std::size_t pattern = has_patterns_ ? pattern_of(lines[i], i + 1) : 0;
      hashes.push_back(pattern != 0 ? mix(pattern, 0x5151) : hash_bytes(lines[i]));
    }
    return hashes;
  }

  // Hashes collide.
  bool same(std::size_t i, std::size_t j) const {
    if (left_[i] == right_[j]) return true;
    const std::size_t pattern = has_patterns_ ? pattern_of(left_[i], i + 1) : 0;
    return pattern != 0 && pattern == pattern_of(right_[j], j + 1);
  }

  std::size_t pattern_of(std::string_view line, std::size_t number) const {
    for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
      const CompiledRule& rule = rules_.rules[i];
      if (rule.path.into != RulePath::Into::kLine ||
          rule.action != CompiledRule::Action::kPattern) {
        continue;
      }
      if (!rule.path.any_number && rule.path.number != number) continue;
      if (rule.applies(line, false)) return i + 1;
    }
    return 0;
  }

  Matches common_ends() const {
    Matches matches;
    const std::size_t most = std::min(left_.size(), right_.size());
    std::size_t front = 0;
    while (front < most && left_[front] == right_[front]) ++front;
    std::size_t back = 0;
    while (back < most - front &&
           left_[left_.size() - 1 - back] == right_[right_.size() - 1 - back]) {
      ++back;
    }
    for (std::size_t i = 0; i < front; ++i) push(matches, i, i);
    for (std::size_t i = back; i > 0; --i) push(matches, left_.size() - i, right_.size() - i);
    return matches;
  }

  static void push(Matches& matches, std::size_t i, std::size_t j) {
    matches.push_back({static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(j)});
  }

  void hunks(const Matches& matches) {
    std::size_t i = 0;
    std::size_t j = 0;
    for (const Match& match : matches) {
      hunk(i, match.a, j, match.b);
      i = match.a + 1;
      j = match.b + 1;
    }
    hunk(i, left_.size(), j, right_.size());
  }

  void hunk(std::size_t left_begin, std::size_t left_end, std::size_t right_begin,
            std::size_t right_end) {
    const bool in_left = left_begin < left_end;
    const bool in_right = right_begin < right_end;
    if (!in_left && !in_right) return;
    const std::size_t left_line = (in_left ? left_begin : right_begin) + 1;
    const std::size_t right_line = (in_right ? right_begin : left_begin) + 1;
    if ((rules_.ignored_at(RulePath::Into::kLine, left_line) & bit(Kind::kText)) != 0) return;
    Difference d;
    d.path = "line " + std::to_string(left_line);
    d.aggregated = "line *";
    d.kind = Kind::kText;
    d.left = report_.shown(joined(left_, left_begin, left_end));
    d.right = report_.shown(joined(right_, right_begin, right_end));
    if (right_line != left_line) d.right_path = "line " + std::to_string(right_line);
    report_.add(std::move(d));
  }

  static std::string joined(const Lines& lines, std::size_t begin, std::size_t end) {
    std::string text;
    for (std::size_t i = begin; i < end; ++i) {
      if (i > begin) text += '\n';
      text += lines[i];
    }
    return text;
  }

  const RuleSet::Compiled& rules_;
  Report& report_;
  Lines left_;
  Lines right_;
  bool has_patterns_ = false;
};

std::string hex(std::string_view bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const char c : bytes.substr(0, 16)) {
    if (!text.empty()) text += ' ';
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[c & 0xF];
  }
  return text;
}

}  // namespace

void diff_text(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  if (bodies.left == bodies.right || rules.mode == Mode::kShape) return;
  TextDiff(bodies, rules, report).run();
}

void diff_binary(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  if (bodies.left == bodies.right || rules.mode == Mode::kShape) return;
  const auto [l, r] = std::mismatch(bodies.left.begin(), bodies.left.end(),
                                    bodies.right.begin(), bodies.right.end());
  const auto offset = static_cast<std::size_t>(l - bodies.left.begin());
  if ((rules.ignored_at(RulePath::Into::kByte, offset) & bit(Kind::kBinary)) != 0) return;
  Difference d;
  d.path = "byte " + std::to_string(offset);
  d.aggregated = "byte *";
  d.kind = Kind::kBinary;
  d.left = hex(bodies.left.substr(offset));
  d.right = hex(bodies.right.substr(offset));
  report.add(std::move(d));
}

}  // namespace shadowtap::diff
