// SipHash-2-4 (Aumasson, Bernstein 2012): a short hash that says nothing of what was
// hashed to who does not have the key. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace shadowtap::results {

std::uint64_t keyed_hash(const std::array<std::uint64_t, 2>& key, std::string_view text);

}  // namespace shadowtap::results
