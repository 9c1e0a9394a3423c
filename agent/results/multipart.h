// The parts of a multipart body (RFC 2046 section 5.1, RFC 7578), in pieces that make the
// body again when they are put together. Lenient: line ends may be bare, the last part may be
// cut, and a boundary that is not in the body gives way to one that is. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shadowtap::results {

struct Part {
  std::string_view before;  // what stands before the content: delimiter, head, blank line
  std::string name;         // of Content-Disposition
  std::string type;         // Content-Type
  std::string_view content;
};

// Views into `body`. Empty: it has no parts, whatever its type says.
std::vector<Part> parts_of(std::string_view content_type, std::string_view body);

}  // namespace shadowtap::results
