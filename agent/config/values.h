// One value of the command line or the file at a time: text in, the typed value out, or
// the sentence that says what is wrong with it. Knows no flag or key by name.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/time.h"

namespace shadowtap::config {

// Each returns "" and sets `out`, or says why not and leaves it.
using Complaint = std::string;

Complaint read_value(std::string_view text, std::string& out);  // anything but nothing
Complaint read_value(std::string_view text, std::optional<Duration>& out);
Complaint read_value(std::string_view text, std::optional<bool>& out);  // on, off
Complaint read_value(std::string_view text, std::optional<std::size_t>& out);
Complaint read_value(std::string_view text, std::optional<int>& out);  // from 1

// These append, and take several separated by commas.
Complaint read_ports(std::string_view text, std::vector<std::uint16_t>& out);
Complaint read_methods(std::string_view text, std::vector<std::string>& out);

Complaint read_percent(std::string_view text, std::optional<double>& out);  // "5", "0.5", "5%"
Complaint read_rate(std::string_view text, std::optional<double>& out);     // "100", "100/s"
Complaint read_size(std::string_view text, std::string& out);               // kept as written

// Right if `text` is one of `words`; else names the nearest of them.
Complaint read_word(std::string_view text, std::span<const std::string_view> words,
                    std::string& out);

// "unknown flag '--prot' (did you mean '--port'?)"
std::string unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> known);

}  // namespace shadowtap::config
