// Where the tokens of a JSON text begin: each bracket, colon and comma, and the first
// byte of each string and scalar. The only unit that knows simdjson; it runs simdjson's
// first stage, which finds them with the best kernel of this processor and checks
// strings for UTF-8, control characters and an end. Internal to diff/.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace shadowtap::diff {

class JsonIndex {
 public:
  JsonIndex();
  ~JsonIndex();
  JsonIndex(const JsonIndex&) = delete;
  JsonIndex& operator=(const JsonIndex&) = delete;

  // False: no JSON text has these bytes. Requires less than 4 GiB.
  [[nodiscard]] bool build(std::string_view text);

  // Offsets in ascending order; the entry behind the last one is text.size().
  std::span<const std::uint32_t> tokens() const { return tokens_; }

 private:
  struct Kernel;
  // Fresh memory costs more than the work on a small text, so each thread keeps one.
  static std::unique_ptr<Kernel>& kept();
  std::unique_ptr<Kernel> kernel_;
  std::span<const std::uint32_t> tokens_;
};

}  // namespace shadowtap::diff
