#include "agent/base/write_all.h"

#include <unistd.h>

#include <cerrno>

namespace shadowtap {

Result<> write_all(int fd, std::string_view text, const std::string& what) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno_error("write " + what);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

}  // namespace shadowtap
