#include "agent/http/framing.h"

#include "agent/base/text.h"

namespace shadowtap::http {
namespace {

constexpr std::string_view kTransferEncoding = "transfer-encoding";

}  // namespace

bool has_transfer_coding(const HeaderList& headers) {
  const auto coding = headers.find(kTransferEncoding);
  return coding && !equal_ignoring_case(*coding, "identity");
}

bool clearly_chunked(const Request& request) {
  const HeaderList& list = request.headers;
  std::size_t lines = 0;
  for (std::size_t i = 0; i < list.size(); ++i) lines += equal_ignoring_case(list.name(i), kTransferEncoding);
  if (lines != 1 || request.version.minor == 0) return false;
  std::string_view codings = list.find(kTransferEncoding).value_or("");
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
