#include "agent/base/spawn.h"

#include <boost/asio/co_spawn.hpp>
#include <cstdlib>
#include <exception>

#include "agent/base/log.h"

namespace shadowtap {

void spawn(const boost::asio::any_io_executor& executor, const char* name,
           boost::asio::awaitable<void> work) {
  boost::asio::co_spawn(executor, std::move(work), [name](std::exception_ptr error) {
    if (!error) return;
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      spdlog::critical("bug: coroutine '{}' ended with an exception: {}", name, e.what());
    }
    std::abort();
  });
}

}  // namespace shadowtap
