// A whole text as a decimal number, or nothing of it.
#pragma once

#include <charconv>
#include <string_view>

namespace shadowtap::config {

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace shadowtap::config
