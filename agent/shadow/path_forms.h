// The paths that a server may understand a request target as. A rule that looks only at
// the bytes on the wire is passed by "/%61dmin", "//admin" or "/x/../admin".
//
// Pure functions; knows no rules.
#pragma once

#include <string>
#include <string_view>

namespace shadowtap::shadow {

// The path of a request target, without query; of an absolute form, what follows the host.
std::string_view path_of(std::string_view target);
// What stands between "//" and the path of an absolute form; else empty.
std::string_view authority_of(std::string_view target);
// "/a/b?q" of "http://host/a/b?q"; everything else as it is.
std::string_view without_origin(std::string_view target);

// Decoded until nothing is left to decode, at most three times: proxies decode too.
std::string percent_decoded(std::string_view text);

class PathForms {
 public:
  explicit PathForms(std::string_view target);

  // As it stands, without query.
  std::string_view raw() const { return raw_; }
  // Where dots, double slashes and backslashes lead, if not where it seems to.
  const std::string* leads_to() const { return detour_ ? &tidy_ : nullptr; }
  // Whether something holds for any of them: raw, decoded, tidied up, without parameters.
  template <class Holds>
  bool any(const Holds& holds) const {
    if (holds(raw_)) return true;
    return !plain_ && (holds(decoded_) || holds(tidy_) || holds(bare_) ||
                       holds(raw_.substr(0, raw_.find('#'))));
  }

 private:
  std::string_view raw_;
  bool plain_ = true;  // nothing that could be understood in another way
  bool detour_ = false;
  std::string decoded_;
  std::string tidy_;
  std::string bare_;
};

}  // namespace shadowtap::shadow
