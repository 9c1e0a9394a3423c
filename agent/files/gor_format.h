// GoReplay's record format, as its readers and writers have it:
//
//   record  = meta LF http LF separator LF
//   meta    = type SP id SP time SP latency      decimal nanoseconds, time since 1970
//   type    = "1" request | "2" original response | "3" replayed response
//   id      = 24 hexadecimal digits, the same for a request and its responses
//   http    = the message as on the wire
//   separator = three monkeys, U+1F435 U+1F648 U+1F649
//
// A .gz file is the same, compressed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/http/message.h"

namespace shadowtap::files {

inline constexpr std::string_view kGorSeparator =
    "\n\xf0\x9f\x90\xb5\xf0\x9f\x99\x88\xf0\x9f\x99\x89\n";

struct GorMeta {
  char type = '1';
  std::string id;
  std::int64_t time_ns = 0;
  std::int64_t latency_ns = 0;
};

// `line` without its line feed. Old versions wrote ids of other lengths and no latency.
std::optional<GorMeta> parse_gor_meta(std::string_view line);
std::string format_gor_meta(const GorMeta& meta);

// The message as bytes that frame themselves again: one chunk where it was chunked.
// Requires a whole body.
std::string to_wire(const http::Request& request);
std::string to_wire(const http::Response& response);

}  // namespace shadowtap::files
