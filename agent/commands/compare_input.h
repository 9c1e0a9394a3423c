// The two sides of `shadowtap compare`: a file (a raw HTTP response or a body) or an
// http:// URL, as a response with its content coding removed. Blocking, with a deadline;
// knows nothing of rules or output.
#pragma once

#include <string>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/http/message.h"
#include "diff/response_diff.h"

namespace shadowtap::commands {

class CompareInput {
 public:
  // `content_type` says what a body file is, and overrides nothing else.
  static Result<CompareInput> load(const std::string& source, const std::string& content_type,
                                   Duration timeout);

  // Valid as long as this lives and is not moved.
  diff::ResponseView view() const;

 private:
  static Result<CompareInput> from_file(const std::string& path, const std::string& content_type);
  static Result<CompareInput> from_response(http::Response response, const std::string& source);

  http::Response response_;
  bool body_only_ = false;
  std::string coding_;  // removed from the body
  mutable std::vector<diff::HeaderLine> headers_;
  mutable std::vector<diff::HeaderLine> trailers_;
};

}  // namespace shadowtap::commands
