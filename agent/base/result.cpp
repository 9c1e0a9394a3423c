#include "agent/base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace shadowtap {

std::string Error::message() const {
  return code ? context + ": " + code.message() : context;
}

Error errno_error(std::string context, int number) {
  if (number < 0) number = errno;
  return {std::error_code(number, std::generic_category()), std::move(context)};
}

Error plain_error(std::string context) { return {{}, std::move(context)}; }

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  std::fprintf(stderr, "bug: value of a failed result: %s\n", error.message().c_str());
  std::abort();
}

}  // namespace shadowtap
