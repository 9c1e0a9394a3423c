// Takes secrets out of what is about to be kept, logged or shown: credentials in
// headers and cookies, the values of telling keys in query, form and JSON, and the
// values at configured paths. A secret becomes `redacted:` and a hash keyed with a
// number drawn at start and never written, so that equal ones can still be told.
//
// Immutable after construction; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/results/results.h"

namespace shadowtap::results {

class Redactor {
 public:
  explicit Redactor(const RedactionOptions& options);
  Redactor(const RedactionOptions& options, std::array<std::uint64_t, 2> key);

  std::string header(std::string_view name, std::string_view value) const;
  std::string target(std::string_view target) const;  // its query
  // A decoded body, by its media type or, where that says nothing, its look.
  std::string body(std::string_view content_type, std::string_view body) const;
  // A value that a difference shows, at `path` (exact) and `aggregated`.
  std::string value(std::string_view path, std::string_view aggregated,
                    std::string_view value) const;

  bool is_secret_path(std::string_view path) const;
  std::string mark(std::string_view secret) const;

 private:
  bool is_secret_name(std::string_view name) const;
  std::string form(std::string_view text) const;
  std::string json(std::string_view text) const;
  std::string multipart(std::string_view text) const;

  std::array<std::uint64_t, 2> key_;
  std::vector<std::string> paths_;
};

}  // namespace shadowtap::results
