#include "agent/demo/service.h"

#include <pthread.h>

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
#include <fmt/format.h>
#include <random>
#include <thread>

#include "agent/base/spawn.h"
#include "agent/demo/shop.h"

namespace shadowtap::demo {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kMaxMessage = 64 << 10;

std::size_t content_length(std::string_view head) {
  constexpr std::string_view kName = "content-length:";
  for (std::size_t at = 0; (at = head.find('\n', at)) != std::string_view::npos;) {
    const std::string_view line = head.substr(++at);
    const bool same = line.size() > kName.size() &&
                      std::equal(kName.begin(), kName.end(), line.begin(), [](char a, char b) {
                        return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
                      });
    if (!same) continue;
    std::string_view digits = line.substr(kName.size());
    digits.remove_prefix(std::min(digits.find_first_not_of(' '), digits.size()));
    std::size_t length = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), length);
    return std::min(length, kMaxMessage);
  }
  return 0;
}

ShopRequest parsed(std::string_view head, std::string_view body) {
  const auto method_end = head.find(' ');
  if (method_end == std::string_view::npos) return {};
  const std::string_view rest = head.substr(method_end + 1);
  return {head.substr(0, method_end), rest.substr(0, rest.find_first_of("? ")), body};
}

std::string on_the_wire(const ShopAnswer& answer, bool head_only) {
  return fmt::format(
      "HTTP/1.1 {} {}\r\nServer: shop\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
      answer.status, answer.status < 400 ? "OK" : "Error", answer.body.size(),
      head_only ? "" : answer.body);
}

asio::awaitable<void> serve(tcp::socket socket, Release release, std::uint64_t noise) {
  std::string buffer;
  while (true) {
    const auto [error, head_size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(buffer, kMaxMessage),
                                        "\r\n\r\n", kAwait);
    if (error) co_return;
    const std::size_t whole = head_size + content_length(std::string_view(buffer).substr(0, head_size));
    while (buffer.size() < whole) {
      const auto [failed, n] = co_await asio::async_read(
          socket, asio::dynamic_buffer(buffer), asio::transfer_exactly(whole - buffer.size()), kAwait);
      if (failed) co_return;
    }
    const std::string_view text(buffer);
    const ShopRequest request = parsed(text.substr(0, head_size), text.substr(head_size, whole - head_size));
    const ShopAnswer reply = answer(release, request, ++noise);
    if (reply.delay.count() > 0) {
      asio::steady_timer timer(co_await asio::this_coro::executor, reply.delay);
      co_await timer.async_wait(kAwait);
    }
    const std::string bytes = on_the_wire(reply, request.method == "HEAD");
    const auto [unsent, written] = co_await asio::async_write(socket, asio::buffer(bytes), kAwait);
    if (unsent) co_return;
    buffer.erase(0, whole);
  }
}

asio::awaitable<void> listen(tcp::acceptor& acceptor, Release release) {
  std::mt19937_64 random(std::random_device{}());
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (error) co_return;
    boost::system::error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    spawn(executor, "demo connection", serve(std::move(socket), release, random()));
  }
}

}  // namespace

struct Service::State {
  asio::io_context io{1};
  tcp::acceptor acceptor{io};
  std::thread thread;
};

Result<std::unique_ptr<Service>> Service::start(Release release) {
  auto state = std::make_unique<State>();
  boost::system::error_code error;
  const tcp::endpoint any_port(asio::ip::address_v4::loopback(), 0);
  state->acceptor.open(any_port.protocol(), error);
  if (!error) state->acceptor.bind(any_port, error);
  if (!error) state->acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Error{error, "listen on loopback for the demo's service"};
  spawn(state->io.get_executor(), "demo service", listen(state->acceptor, release));
  state->thread = std::thread([raw = state.get()] {
    ::pthread_setname_np(::pthread_self(), "demo-service");
    raw->io.run();
  });
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::Service(std::unique_ptr<State> state) : state_(std::move(state)) {}

Service::~Service() {
  state_->io.stop();
  state_->thread.join();
}

std::uint16_t Service::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

}  // namespace shadowtap::demo
