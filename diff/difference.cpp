#include "diff/difference.h"

#include <array>

namespace shadowtap::diff {
namespace {

constexpr std::array<std::string_view, 9> kNames = {
    "status", "value", "type", "missing", "extra", "order", "text", "binary", "encoding"};

}  // namespace

std::string_view to_string(Kind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::optional<Kind> kind_from(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Kind>(i);
  }
  return std::nullopt;
}

}  // namespace shadowtap::diff
