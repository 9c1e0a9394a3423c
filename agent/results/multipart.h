// The parts of a multipart body (RFC 2046 section 5.1, RFC 7578), in pieces that make the
// body again when they are put together. Lenient: line ends may be bare, the last part may be
// cut, and a boundary that is not in the body gives way to one that is. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace shadowtap::results {

struct Part {
  std::string_view before;  // what stands before the content: delimiter, head, blank line
  std::string name;         // of Content-Disposition
  std::string type;         // Content-Type
  std::string_view content;
};

// Each as it is found, with views into `body`: there may be one on every line. False: it has no
// parts, whatever its type says.
bool for_each_part(std::string_view content_type, std::string_view body,
                   const std::function<void(const Part&)>& take);

}  // namespace shadowtap::results
