// Finds out, while nothing of a connection can be paired, whether the server has given a
// final answer: after 1xx alone the client may go on with the request that it had begun.
//
//   status line, byte by byte   "HTTP/1." any " " then 1: interim, else final
//   interim                     up to its empty line, then another status line
//   nothing                     of what is no status line, until a segment begins
//
// A value; pieces may be cut anywhere.
#pragma once

#include <cstdint>
#include <string_view>

namespace shadowtap::http {

class FinalAnswer {
 public:
  // True: these bytes begin one.
  bool seen_in(std::string_view bytes, bool starts_segment) {
    if (starts_segment && at_ == kNothing) at_ = 0;
    for (const char c : bytes) {
      if (at_ == kNothing) return false;
      if (at_ == kInterim) {
        empty_line(c);
      } else if (at_ == kClass && c != '1') {
        at_ = kNothing;
        return true;
      } else {
        status_line(c);
      }
    }
    return false;
  }

 private:
  static constexpr std::string_view kVersion = "HTTP/1.";
  static constexpr std::uint8_t kClass = 9;  // where the status begins
  static constexpr std::uint8_t kInterim = 10;
  static constexpr std::uint8_t kNothing = 255;

  void status_line(char c) {
    const bool fits = at_ < kVersion.size() ? c == kVersion[at_] : at_ != 8 || c == ' ';
    at_ = fits ? static_cast<std::uint8_t>(at_ + 1) : kNothing;
    after_lf_ = false;
  }
  void empty_line(char c) {
    if (c == '\n' && after_lf_) at_ = 0;
    if (c != '\r') after_lf_ = c == '\n';
  }

  std::uint8_t at_ = 0;
  bool after_lf_ = false;
};

}  // namespace shadowtap::http
