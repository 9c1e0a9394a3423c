// Bounds on one HTTP message as it is read. What goes beyond them is a protocol error,
// except for the body, of which the length goes on.
#pragma once

#include <cstddef>

namespace shadowtap::http {

struct ParserOptions {
  std::size_t max_head_bytes = 256 << 10;     // start line and header lines; trailers the same
  std::size_t max_header_lines = 1024;        // headers and trailers, each
  std::size_t max_body_bytes = 1 << 20;       // kept of a body; its true length is told
  bool hash_bodies = false;                   // SHA-256 of every body, not just of cut ones
  std::size_t max_interim_responses = 64;     // 1xx before a final response
};

}  // namespace shadowtap::http
