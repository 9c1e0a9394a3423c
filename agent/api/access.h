// Who may call: a bearer token where one is set, else only callers that a browser page
// from elsewhere cannot imitate. Plain values; knows no sockets.
#pragma once

#include <string>
#include <string_view>

#include "agent/api/request.h"
#include "agent/base/result.h"

namespace shadowtap::api {

// What of a request's head decides.
struct Credentials {
  std::string_view authorization;
  std::string_view host;
  std::string_view origin;
};

enum class Access { kGranted, kNoToken, kForeignHost, kForeignOrigin };

class AccessRule {
 public:
  static AccessRule open() { return AccessRule(Kind::kOpen, {}); }        // metrics and probes
  static AccessRule local() { return AccessRule(Kind::kLocal, {}); }      // loopback, Unix
  static AccessRule token(std::string token) { return AccessRule(Kind::kToken, std::move(token)); }

  Access judge(const Request& request, const Credentials& credentials) const;

 private:
  enum class Kind { kOpen, kLocal, kToken };
  AccessRule(Kind kind, std::string token) : kind_(kind), token_(std::move(token)) {}

  Kind kind_;
  std::string token_;
};

Response refusal(Access access);

// The first line of the file, at least 16 characters.
Result<std::string> read_token(const std::string& path);

}  // namespace shadowtap::api
