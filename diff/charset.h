// Text in another charset as UTF-8. Knows the ones that HTTP responses still use:
// ISO-8859-1, Windows-1252 and UTF-16.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace shadowtap::diff {

// Nothing where the charset is UTF-8, ASCII or unknown, or UTF-16 ends within a unit: the
// bytes are to be taken as they are. `charset` in lower case.
std::optional<std::string> to_utf8(std::string_view bytes, std::string_view charset);

}  // namespace shadowtap::diff
