// The failure lane: a value, or a code with the sentence that says what we were
// doing to what. Printed once, in main. Nothing here throws; asking for the
// value of a failed result is a bug and ends the process.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <system_error>

namespace shadowtap {

struct Error {
  std::error_code code;
  std::string context;  // "attach to eth0", "config.yaml:3:7: unknown key 'prot'"

  // "<context>: <code's message>", or the context alone where the code adds nothing.
  std::string message() const;
};

template <class T = void>
using Result = boost::system::result<T, Error>;

// A failure with errno (default: the current one).
Error errno_error(std::string context, int number = -1);

// A failure that the context says in full (wrong input, unsupported, …).
Error plain_error(std::string context);
// The code of an error that means: what was asked for holds, and will not outlast this process.
inline constexpr std::errc kHoldsUnkept = std::errc::state_not_recoverable;

[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location&);

}  // namespace shadowtap
