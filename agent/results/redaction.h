// Takes secrets out of what is about to be kept, logged or shown. A secret becomes
// `redacted:` and a hash keyed with a number drawn at start and never written, so that equal
// ones can still be told. Telling names are those of INTERFACES section 8; configured paths
// are secret_paths.h's. What holds:
//
//   headers      credentials, cookies' values, telling names and configured ones
//   query, form  telling and configured names, also percent-encoded and as user[password]
//   JSON         telling names and configured paths, in whatever body or text it stands: cut,
//                behind a wrong type, in a script, as lines, in a string (4 deep; deeper ones
//                go whole)
//   multipart    names as in a form; what else a part holds, as a body of its type
//   XML, HTML    elements and attributes of telling and configured names, also in a text or a
//                string of JSON
//   UTF-16       is read as what it says; what cannot be read is withheld whole
//
// A difference between lines shows only its lines: a value whose name stands on another one
// is not known for what it is.
//
// Immutable after construction; any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/results/multipart.h"
#include "agent/results/results.h"
#include "agent/results/secret_paths.h"

namespace shadowtap::results {

class Redactor {
 public:
  explicit Redactor(const RedactionOptions& options);
  Redactor(const RedactionOptions& options, std::array<std::uint64_t, 2> key);

  std::string header(std::string_view name, std::string_view value) const;
  std::string target(std::string_view target) const;  // its query
  // A body without its content coding, of any bytes; what is not secret stays to the byte.
  std::string body(std::string_view content_type, std::string_view body) const;
  // In the place of a body that cannot be read: how much it was, and a hash of it.
  std::string withheld(std::string_view body) const;
  // A value that a difference shows, at `path` (exact) and `aggregated`.
  std::string value(std::string_view path, std::string_view aggregated,
                    std::string_view value) const;

  std::string mark(std::string_view secret) const;

 private:
  bool is_secret_key(std::string_view name) const;       // of JSON
  bool is_secret_field(std::string_view name) const;     // of a form, decoded
  bool is_secret_place(std::string_view path) const;     // of a difference
  std::string form(std::string_view text) const;
  std::string json(std::string_view text, const std::vector<std::string>& roots) const;
  std::string markup(std::string_view text, bool is_document) const;
  std::string body(std::string_view content_type, std::string_view body, int depth) const;
  std::string part(const Part& part, int depth) const;
  std::optional<std::string> multipart(std::string_view content_type, std::string_view body,
                                       int depth) const;
  std::optional<std::string> wide(std::string_view content_type, std::string_view body) const;
  std::string text(std::string_view type, std::string_view text,
                   const std::vector<std::string>& roots) const;

  std::array<std::uint64_t, 2> key_;
  SecretPaths paths_;
};

}  // namespace shadowtap::results
