// Reads a call's query parameters and finds what is wrong with them: each getter names
// a known parameter; problem() then reports the first that is unknown (with the nearest
// known name), given twice, or not of its form. One per call, on the stack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/api/request.h"
#include "agent/base/time.h"

namespace shadowtap::api {

class Query {
 public:
  explicit Query(const Request& request) : request_(request) {}

  std::string text(std::string_view name);  // absent: empty
  std::string one_of(std::string_view name, std::vector<std::string_view> words);
  std::optional<std::uint64_t> count(std::string_view name, std::uint64_t min,
                                     std::uint64_t max);
  std::optional<double> ratio(std::string_view name);  // 0..1
  // A time (RFC 3339), or a duration before `now`.
  std::optional<WallTime> since(std::string_view name, WallTime now);
  std::size_t limit();  // 1..1000, default 100

  // After all getters.
  std::optional<Response> problem() const;

 private:
  const std::string* find(std::string_view name);
  void wrong(std::string_view name, std::string_view must_be);

  const Request& request_;
  std::vector<std::string_view> known_;
  std::string first_wrong_;
};

}  // namespace shadowtap::api
