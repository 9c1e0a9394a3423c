#include "agent/api/access.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdio>
#include <memory>
#include <vector>

#include "agent/api/problem.h"
#include "agent/base/text.h"

namespace shadowtap::api {
namespace {

constexpr std::size_t kMinTokenLength = 16;
constexpr std::size_t kMaxTokenLength = 4096;

// RFC 7617 user-id:password -> password. Flagger can only put credentials in the URL.
std::string basic_password(std::string_view encoded) {
  if (encoded.size() > 2 * kMaxTokenLength) return {};
  std::vector<unsigned char> out(encoded.size() / 4 * 3 + 3);
  const int size =
      ::EVP_DecodeBlock(out.data(), reinterpret_cast<const unsigned char*>(encoded.data()),
                        static_cast<int>(encoded.size()));
  if (size < 0) return {};
  std::string text(out.begin(), out.begin() + size);
  while (!text.empty() && text.back() == '\0') text.pop_back();  // the padding's
  const std::size_t colon = text.find(':');
  return colon == std::string::npos ? std::string() : text.substr(colon + 1);
}

std::string offered_token(std::string_view authorization) {
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return {};
  const std::string_view scheme = authorization.substr(0, space);
  std::string_view value = authorization.substr(space + 1);
  while (value.starts_with(' ')) value.remove_prefix(1);
  if (equal_ignoring_case(scheme, "bearer")) return std::string(value);
  if (equal_ignoring_case(scheme, "basic")) return basic_password(value);
  return {};
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// Loopback names and numeric addresses: a page elsewhere whose name was re-bound to
// this host still sends its own name.
bool is_local_name(std::string_view host) {
  if (host.empty() || host.front() == '[') return true;
  const std::string_view name = host.substr(0, host.rfind(':'));
  if (equal_ignoring_case(name, "localhost")) return true;
  return name.find_first_not_of("0123456789.") == std::string_view::npos;
}

// What tells nothing: liveness, and the page, which asks for the token itself.
bool is_open_to_all(const Request& request) {
  if (request.method != "GET" && request.method != "HEAD") return false;
  return request.path.empty() || request.path.front() == "web" || request.path.front() == "healthz";
}

}  // namespace

Access AccessRule::judge(const Request& request, const Credentials& credentials) const {
  if (kind_ == Kind::kOpen) return Access::kGranted;
  if (kind_ == Kind::kToken) {
    const bool known = equal_in_constant_time(offered_token(credentials.authorization), token_);
    return known || is_open_to_all(request) ? Access::kGranted : Access::kNoToken;
  }
  if (!is_local_name(credentials.host)) return Access::kForeignHost;
  const bool same_origin = credentials.origin.empty() ||
                           credentials.origin == "http://" + std::string(credentials.host);
  return same_origin ? Access::kGranted : Access::kForeignOrigin;
}

Response refusal(Access access) {
  switch (access) {
    case Access::kForeignHost:
      return problem(421, "without a token this API answers only to localhost and to numeric "
                          "addresses in Host; set --api-token-file to use names");
    case Access::kForeignOrigin:
      return problem(403, "without a token this API does not answer pages of other origins");
    default: break;
  }
  Response response = problem(401, "send the token of --api-token-file as 'Authorization: "
                                   "Bearer TOKEN'");
  response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"shadowtap\"");
  return response;
}

Result<std::string> read_token(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             &std::fclose);
  if (!file) return errno_error("read the API token file " + path);
  std::string text(kMaxTokenLength, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  text = text.substr(0, text.find_first_of("\r\n"));
  if (text.size() < kMinTokenLength) {
    return plain_error("the API token file " + path + " must hold a token of at least " +
                       std::to_string(kMinTokenLength) + " characters in its first line");
  }
  return text;
}

}  // namespace shadowtap::api
