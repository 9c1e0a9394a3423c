// The line ends of a head. RFC 9112 section 2.2 lets a recipient take a bare LF as the end
// of a line, and most servers do; llhttp does not. So the bytes are cut there, and llhttp is
// given the CR that it misses. Also notes lines that go on from the one before (section 5.2).
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace shadowtap::http {

class HeadLines {
 public:
  // How many of the bytes stand before the first LF without a CR; all, if there is none or
  // the head ends before it.
  std::size_t before_bare_lf(std::string_view bytes);
  // A CR that nobody sent was read.
  void add_cr() { after_cr_ = true; }
  // These bytes were read, and the head goes on. Not empty.
  void add(std::string_view bytes);
  // Whether a line so far began with white space.
  bool folded() const { return folded_; }

 private:
  std::size_t line_bytes_ = 0;  // of the line that is not complete
  bool after_cr_ = false;
  bool after_lf_ = false;
  bool folded_ = false;
};

}  // namespace shadowtap::http
