// A kept exchange as the JSON document that the store holds, and back. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/results/results.h"

namespace shadowtap::results {

std::string to_json(const DiffDetail& detail);
// Nothing where the text is no such document.
std::optional<DiffDetail> detail_from_json(std::string_view text);

}  // namespace shadowtap::results
