// The page's files, compiled in. Static data, any thread.
#pragma once

#include <span>
#include <string_view>

namespace shadowtap::web {

struct Asset {
  std::string_view name;  // "page.js"; the page itself is "index.html"
  std::string_view content_type;
  std::string_view content;
};

std::span<const Asset> assets();

}  // namespace shadowtap::web
