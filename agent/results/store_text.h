// Counters as the text that the store keeps, and back. Numbers with spaces between them:
// readable with any SQLite tool. What does not read well is taken as zero. Pure.
#pragma once

#include <string>
#include <string_view>

#include "agent/results/noise.h"

namespace shadowtap::results {

std::string text_of_counts(const PathRecord& record);
std::string text_of_latch(const PathRecord& record);
void read_counts(std::string_view text, PathRecord& record);
void read_latch(std::string_view text, PathRecord& record);

std::string text_of(const RoutePairs& pairs);
void read(std::string_view text, RoutePairs& pairs);

std::string text_of(const Signature& signature);  // without its count
Signature read_signature(std::string_view text);
std::string text_of(const Signatures& signatures);
void read(std::string_view text, std::size_t records, Signatures& signatures);

std::string text_of(const std::array<Net, kControls>& net);
void read(std::string_view text, std::array<Net, kControls>& net);

}  // namespace shadowtap::results
