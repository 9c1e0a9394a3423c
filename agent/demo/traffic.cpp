#include "agent/demo/traffic.h"

#include <fmt/format.h>
#include <pthread.h>

#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <string>
#include <thread>

#include "agent/base/spawn.h"

namespace shadowtap::demo {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

constexpr int kUsers = 8;
constexpr auto kPause = 25ms;  // between two requests of one user: 320 requests a second in all
constexpr std::string_view kLength = "Content-Length: ";

// One step of a walk through the shop; ids change with every round.
std::string request(std::uint64_t step) {
  const std::uint64_t id = step * 7919 % 5000 + 1;
  switch (step % 8) {
    case 0: return fmt::format("GET /products/{} HTTP/1.1\r\nHost: shop\r\n\r\n", id);
    case 1: return fmt::format("GET /users/{} HTTP/1.1\r\nHost: shop\r\n\r\n", id);
    case 2: return "GET /search?q=chairs HTTP/1.1\r\nHost: shop\r\n\r\n";
    case 3: return fmt::format("GET /invoices/{} HTTP/1.1\r\nHost: shop\r\n\r\n", id);
    case 4: return "GET /stats HTTP/1.1\r\nHost: shop\r\n\r\n";
    case 5: return fmt::format("HEAD /products/{} HTTP/1.1\r\nHost: shop\r\n\r\n", id);
    case 6:
      return "POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\n"
             "Content-Length: 13\r\n\r\n{\"amount\": 2}";
    default: return "GET /health HTTP/1.1\r\nHost: shop\r\n\r\n";
  }
}

std::size_t body_size(std::string_view head) {
  const auto at = head.find(kLength);
  if (at == std::string_view::npos) return 0;
  const std::string_view digits = head.substr(at + kLength.size());
  std::size_t size = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), size);
  return size;
}

asio::awaitable<void> user(std::uint16_t port, std::uint64_t first_step,
                           std::atomic<std::uint64_t>& answered) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  tcp::socket socket(executor);
  const tcp::endpoint service(asio::ip::address_v4::loopback(), port);
  const auto [unconnected] = co_await socket.async_connect(service, kAwait);
  if (unconnected) co_return;
  asio::steady_timer timer(executor);
  std::string buffer;
  for (std::uint64_t step = first_step;; ++step) {
    const std::string bytes = request(step);
    const auto [unsent, written] = co_await asio::async_write(socket, asio::buffer(bytes), kAwait);
    if (unsent) co_return;
    const auto [error, head] = co_await asio::async_read_until(
        socket, asio::dynamic_buffer(buffer), "\r\n\r\n", kAwait);
    if (error) co_return;
    const bool head_only = bytes.starts_with("HEAD");
    const std::size_t whole = head + (head_only ? 0 : body_size({buffer.data(), head}));
    if (buffer.size() < whole) {
      const auto [cut, n] = co_await asio::async_read(
          socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(whole - buffer.size()), kAwait);
      if (cut) co_return;
    }
    buffer.erase(0, whole);
    answered.fetch_add(1, std::memory_order_relaxed);
    timer.expires_after(kPause);
    co_await timer.async_wait(kAwait);
  }
}

}  // namespace

struct Traffic::State {
  asio::io_context io{1};
  std::atomic<std::uint64_t> answered{0};
  std::thread thread;
};

Traffic::Traffic(std::uint16_t port) : state_(std::make_unique<State>()) {
  for (std::uint64_t i = 0; i < kUsers; ++i) {
    spawn(state_->io.get_executor(), "demo user", user(port, i, state_->answered));
  }
  state_->thread = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "demo-traffic");
    state_->io.run();
  });
}

Traffic::~Traffic() {
  state_->io.stop();
  state_->thread.join();
}

std::uint64_t Traffic::requests() const { return state_->answered.load(std::memory_order_relaxed); }

}  // namespace shadowtap::demo
