#include "agent/api/report/words.h"

#include <fmt/format.h>

#include <cmath>

#include "agent/api/json.h"
#include "agent/base/text.h"

namespace shadowtap::api {
namespace {

constexpr std::size_t kShownValue = 60;

std::string part(const char* name, const Reasons& reasons) {
  std::uint64_t sum = 0;
  std::string list;
  for (const auto& [reason, n] : reasons) {
    if (n == 0) continue;
    sum += n;
    list += fmt::format("{}{} {}", list.empty() ? "" : ", ", reason, n);
  }
  if (sum == 0) return {};
  return fmt::format(" + {} {} ({})", name, sum, list);
}

// Cut before a character, never inside one.
std::string cut(std::string_view text) {
  std::string out = printable(text);
  if (out.size() <= kShownValue) return out;
  std::size_t end = kShownValue;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

}  // namespace

std::string ledger_sentence(const ServiceLedger& ledger) {
  std::string text = fmt::format("captured {} = compared {}", ledger.captured, ledger.compared);
  text += part("skipped", ledger.skipped);
  text += part("refused", ledger.refused);
  text += part("shadow error", ledger.shadow_error);
  text += part("not comparable", ledger.not_comparable);
  text += fmt::format(" + in flight {}", ledger.in_flight);
  if (const std::uint64_t n = total(ledger.unreported); n > 0) {
    text += fmt::format("; {} of them unreported, because results were behind", n);
  }
  return text;
}

std::string change(const results::Finding& finding) {
  if (finding.example_original.empty() && finding.example_candidate.empty()) return {};
  const auto side = [](const std::string& value) { return value.empty() ? "(none)" : cut(value); };
  return side(finding.example_original) + " → " + side(finding.example_candidate);
}

std::string share(const results::Finding& finding) {
  return fmt::format("{} of {}", finding.differing, finding.compared);
}

std::string need_sentence(const results::VerdictNeed& need) {
  std::string text = need.route.empty() || need.route == "*" ? "" : printable(need.route) + ": ";
  text += fmt::format("about {} more comparisons", need.comparisons);
  if (need.eta_seconds && std::isfinite(*need.eta_seconds) && *need.eta_seconds < 1e8) {
    const auto eta = std::chrono::seconds(std::llround(std::ceil(*need.eta_seconds)));
    text += ", " + format_duration(eta) + " at this rate";
  }
  return text;
}

std::string printable(std::string_view text) {
  const json::string utf8 = shown(text);
  std::string out;
  for (const char c : utf8) {
    const auto byte = static_cast<unsigned char>(c);
    const bool control = byte < 0x20 || byte == 0x7f;
    if (control) {
      out += byte == '\n' || byte == '\t' || byte == '\r' ? " " : "\xEF\xBF\xBD";
    } else {
      out += c;
    }
  }
  // C1 controls (U+0080–U+009F): CSI among them.
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] == '\xc2' && static_cast<unsigned char>(out[i + 1]) < 0xa0) {
      out.replace(i, 2, "\xEF\xBF\xBD");
    }
  }
  return out;
}

std::string for_markup(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

// Markup first: Markdown lets HTML through. Then what would end the cell or format it.
std::string for_markdown_cell(std::string_view text) {
  std::string out;
  for (const char c : for_markup(text)) {
    if (std::string_view("\\|`*_[]{}#~@!").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace shadowtap::api
