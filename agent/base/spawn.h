// Starts a coroutine that nobody awaits. The one place that says what happens to
// its errors: an exception that leaves it is a bug, logged, and ends the process
// (the kernel then lets go of the hook). Runs on the executor's thread.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

namespace shadowtap {

// `name` is a literal for the log.
void spawn(const boost::asio::any_io_executor& executor, const char* name,
           boost::asio::awaitable<void> work);

}  // namespace shadowtap
