// What a body is where its type does not say, says too little or is wrong. `type` is a
// Content-Type in lower case. Pure.
#pragma once

#include <string>
#include <string_view>

namespace shadowtap::results {

bool is_form(std::string_view type, std::string_view body);  // fields between '&'

// XML or HTML as a whole. JSON is sent as HTML, too.
bool is_markup(std::string_view type, std::string_view body);

// UTF-8 without control characters, perhaps cut in its last one.
bool is_text(std::string_view bytes);

// Pictures and the like, which are not worth a scan unless they are something else.
bool is_media(std::string_view type, std::string_view body);

// A charset that does not write names as ASCII does, so that what reads bytes misses them.
// Empty: none.
std::string wide_charset(std::string_view type, std::string_view body);

}  // namespace shadowtap::results
