#include "agent/http/framing.h"

#include "agent/base/text.h"

namespace shadowtap::http {
namespace {

constexpr std::string_view kTransferEncoding = "transfer-encoding";

std::size_t coding_lines(const HeaderList& headers) {
  std::size_t lines = 0;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    lines += equal_ignoring_case(headers.name(i), kTransferEncoding);
  }
  return lines;
}

}  // namespace

bool has_transfer_coding(const HeaderList& headers) {
  const std::size_t lines = coding_lines(headers);
  if (lines != 1) return lines > 1;
  return !equal_ignoring_case(trimmed(headers.find(kTransferEncoding).value_or("")), "identity");
}

bool ends_in_chunked(const HeaderList& headers) {
  for (std::size_t i = headers.size(); i-- > 0;) {
    if (!equal_ignoring_case(headers.name(i), kTransferEncoding)) continue;
    const std::string_view value = headers.value(i);
    const std::size_t end = value.find_last_not_of(" \t,");
    if (end == std::string_view::npos) continue;
    const std::string_view codings = value.substr(0, end + 1);
    return equal_ignoring_case(trimmed(codings.substr(codings.rfind(',') + 1)), "chunked");
  }
  return false;
}

bool clearly_chunked(const Request& request) {
  if (coding_lines(request.headers) != 1 || request.version.minor == 0) return false;
  std::string_view codings = request.headers.find(kTransferEncoding).value_or("");
  while (true) {
    const std::size_t comma = codings.find(',');
    const std::string_view coding = trimmed(codings.substr(0, comma));
    if (comma == std::string_view::npos) return equal_ignoring_case(coding, "chunked");
    if (!equal_ignoring_case(coding, "gzip") && !equal_ignoring_case(coding, "deflate")) return false;
    codings.remove_prefix(comma + 1);
  }
}

bool mentions_framing(const HeaderList& headers) {
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string value = to_lower(headers.value(i));
    if (value.find("content-length") != std::string::npos) return true;
    if (value.find(kTransferEncoding) != std::string::npos) return true;
  }
  return false;
}

}  // namespace shadowtap::http
