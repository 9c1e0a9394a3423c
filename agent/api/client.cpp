#include "agent/api/client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "agent/api/access.h"

namespace shadowtap::api {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Request = bhttp::request<bhttp::string_body>;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t kMaxAnswerHeader = 64 << 10;

Error failure(const char* doing, const Url& url, const error_code& code) {
  const std::string where = url.unix_path.empty() ? url.authority() : "unix:" + url.unix_path;
  return {std::error_code(code), std::string(doing) + " " + where};
}

asio::awaitable<Result<std::vector<Protocol::endpoint>>> addresses(const Url& url) {
  std::vector<Protocol::endpoint> out;
  if (!url.unix_path.empty()) {
    out.emplace_back(asio::local::stream_protocol::endpoint(url.unix_path));
    co_return out;
  }
  asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [error, found] = co_await resolver.async_resolve(url.host, url.port, kAwait);
  if (error) co_return failure("look up", url, error);
  for (const auto& entry : found) out.emplace_back(entry.endpoint());
  co_return out;
}

asio::awaitable<Result<>> connect(Stream& stream, const Url& url) {
  const auto to = co_await addresses(url);
  if (!to) co_return to.error();
  error_code last;
  for (const Protocol::endpoint& endpoint : *to) {
    const auto [error] = co_await stream.async_connect(endpoint, kAwait);
    if (!error) co_return Result<>();
    last = error;
    if (error == beast::error::timeout) break;
    stream.close();
  }
  co_return failure("connect to", url, last);
}

Request to_message(const OutgoingCall& call) {
  Request message;
  message.version(11);
  message.method_string(call.method);
  message.target(call.target.empty() ? call.url.path : call.target);
  message.set(bhttp::field::host, call.url.authority());
  message.set(bhttp::field::connection, "close");
  for (const auto& [name, value] : call.headers) message.set(name, value);
  message.body() = call.body;
  message.prepare_payload();
  return message;
}

template <class S>
asio::awaitable<Result<CallAnswer>> exchange(S& stream, const OutgoingCall& call) {
  const Request message = to_message(call);
  const auto [write_error, written] = co_await bhttp::async_write(stream, message, kAwait);
  if (write_error) co_return failure("send to", call.url, write_error);
  beast::flat_buffer buffer;
  bhttp::response_parser<bhttp::string_body> parser;
  parser.header_limit(kMaxAnswerHeader);
  parser.body_limit(call.max_answer_bytes);
  const auto [error, read] = co_await bhttp::async_read(stream, buffer, parser, kAwait);
  if (error) co_return failure("read the answer of", call.url, error);
  auto received = parser.release();
  CallAnswer answer;
  answer.status = received.result_int();
  answer.content_type = received[bhttp::field::content_type];
  for (const auto& line : received) answer.headers.emplace_back(line.name_string(), line.value());
  answer.body = std::move(received.body());
  co_return answer;
}

asio::awaitable<Result<CallAnswer>> exchange_tls(Stream& plain, const OutgoingCall& call) {
  asio::ssl::context context(asio::ssl::context::tls_client);
  error_code error;
  context.set_default_verify_paths(error);
  beast::ssl_stream<Stream&> stream(plain, context);
  stream.set_verify_mode(asio::ssl::verify_peer, error);
  stream.set_verify_callback(asio::ssl::host_name_verification(call.url.host), error);
  ::SSL_set_tlsext_host_name(stream.native_handle(), call.url.host.c_str());
  const auto [failed] = co_await stream.async_handshake(asio::ssl::stream_base::client, kAwait);
  if (failed) co_return failure("TLS with", call.url, failed);
  co_return co_await exchange(stream, call);
}

}  // namespace

asio::awaitable<Result<CallAnswer>> perform(OutgoingCall call) {
  Stream stream(co_await asio::this_coro::executor);
  stream.expires_after(call.timeout);
  if (auto connected = co_await connect(stream, call.url); !connected) {
    co_return connected.error();
  }
  if (call.url.tls) co_return co_await exchange_tls(stream, call);
  co_return co_await exchange(stream, call);
}

Result<CallAnswer> call(OutgoingCall call) {
  asio::io_context io;
  Result<CallAnswer> answer = plain_error("the call did not end");
  asio::co_spawn(io, perform(std::move(call)),
                 [&answer](std::exception_ptr, Result<CallAnswer> result) {
                   answer = std::move(result);
                 });
  io.run();
  return answer;
}

Result<Client> Client::open(const std::string& api, const std::string& token_file) {
  auto url = Url::parse(api);
  if (!url) return url.error();
  if (token_file.empty()) return Client(std::move(*url), {});
  auto token = read_token(token_file);
  if (!token) return token.error();
  return Client(std::move(*url), std::move(*token));
}

Result<CallAnswer> Client::ask(const std::string& method, const std::string& target) const {
  OutgoingCall outgoing;
  outgoing.url = url_;
  outgoing.method = method;
  std::string base = url_.path.substr(0, url_.path.find('?'));
  while (base.ends_with('/')) base.pop_back();
  outgoing.target = base + target;
  if (!token_.empty()) outgoing.headers.emplace_back("Authorization", "Bearer " + token_);
  return call(std::move(outgoing));
}

std::string query_pair(std::string_view name, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string out(name);
  out += '=';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

}  // namespace shadowtap::api
