#include "agent/api/server.h"

#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <list>

#include "agent/api/access.h"
#include "agent/api/listen_address.h"
#include "agent/api/problem.h"
#include "agent/base/spawn.h"

namespace shadowtap::api {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using boost::system::error_code;
using Protocol = asio::generic::stream_protocol;
using Stream = beast::basic_stream<Protocol>;
using Acceptor = asio::basic_socket_acceptor<Protocol>;

struct Listener {
  ListenAddress address;
  const Router* router = nullptr;
  AccessRule access;
  Acceptor acceptor;
};

// A connection, on its coroutine's frame.
struct Peer {
  explicit Peer(Protocol::socket socket) : stream(std::move(socket)) {}
  Stream stream;
  beast::flat_buffer buffer;
  bool idle = true;  // between requests
  Time read_by = Time::max();  // of the request that is coming in
  bool late = false;           // it has not come
};

struct ServerState {
  asio::io_context& io;
  ServerOptions options;
  Router api, metrics;
  std::list<Listener> listeners;  // coroutines keep references
  std::list<Peer*> open;          // the longest waiting first
  std::list<asio::steady_timer*> timers;  // of coroutines, to end their waits at stop()
  ServerCounts counts;
  bool stopped = false;
};

namespace {

using State = std::shared_ptr<ServerState>;
using Parser = bhttp::request_parser<bhttp::string_body>;
using Message = bhttp::request<bhttp::string_body>;

// A client that is still sending what we refused reads our answer only once it is through.
constexpr std::size_t kMostAfterRefusal = 4 << 20;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kFirstRead = 4096;
constexpr Duration kLateLook = std::chrono::milliseconds(250);
constexpr auto kAcceptPause = std::chrono::milliseconds(100);  // after EMFILE and the like

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

// Every line of that name, as one list.
std::string joined(const Message& message, bhttp::field name) {
  std::string all;
  const auto [first, last] = message.equal_range(name);
  for (auto line = first; line != last; ++line) {
    all += (all.empty() ? "" : ", ") + std::string(view(line->value()));
  }
  return all;
}

// What the request's head and body say, as our value; nothing if the target is no path.
std::optional<Request> to_request(const Message& message) {
  Request request;
  if (!request.set_target(view(message.target()))) return std::nullopt;
  request.method = view(message.method_string());
  request.content_type = view(message[bhttp::field::content_type]);
  request.accept = joined(message, bhttp::field::accept);
  request.if_none_match = view(message[bhttp::field::if_none_match]);
  request.if_match = view(message[bhttp::field::if_match]);
  request.body = message.body();
  return request;
}

Response answer(const Listener& listener, const Message& message) {
  std::optional<Request> request = to_request(message);
  if (!request) return problem(400, "the request's target is not a valid path");
  const Access access = listener.access.judge(
      *request, {view(message[bhttp::field::authorization]), view(message[bhttp::field::host]),
                 view(message[bhttp::field::origin])});
  if (access != Access::kGranted) return refusal(access);
  return listener.router->handle(std::move(*request));
}

bhttp::response<bhttp::string_body> to_message(Response&& response, unsigned version,
                                               bool keep_alive) {
  bhttp::response<bhttp::string_body> message;
  message.version(version);
  message.result(response.status);
  message.reason(beast::string_view(status_phrase(response.status)));
  if (!response.content_type.empty()) {
    message.set(bhttp::field::content_type, response.content_type);
  }
  message.set("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) message.set(name, value);
  message.keep_alive(keep_alive);
  message.body() = std::move(response.body);
  if (response.status != 204 && response.status != 304) message.prepare_payload();
  return message;
}

// How one answer goes out.
struct Form {
  unsigned version = 11;
  bool head = false;
  bool keep_alive = false;
};

asio::awaitable<bool> write(Stream& stream, const ServerOptions& options, Response response,
                            Form form) {
  auto message = to_message(std::move(response), form.version, form.keep_alive);
  stream.expires_after(options.write_timeout);
  bhttp::response_serializer<bhttp::string_body> serializer(message);
  if (form.head) {
    const auto [error, n] = co_await bhttp::async_write_header(stream, serializer, kAwait);
    co_return !error;
  }
  const auto [error, n] = co_await bhttp::async_write(stream, serializer, kAwait);
  co_return !error;
}

// Waits until the timer's expiry, its cancellation or stop().
asio::awaitable<void> wait(ServerState& server, asio::steady_timer& timer) {
  if (server.stopped) co_return;
  const auto at = server.timers.insert(server.timers.end(), &timer);
  co_await timer.async_wait(kAwait);
  server.timers.erase(at);
}

// Waits for an answer that comes later.
asio::awaitable<Response> wait_for(ServerState& server, Response response) {
  struct Waiting {
    explicit Waiting(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    std::optional<Response> answer;
  };
  // Shared with whoever answers, who may do so after we gave up.
  const auto waiting = std::make_shared<Waiting>(server.io);
  waiting->timer.expires_after(server.options.answer_timeout);
  response.later([waiting](Response answer) {
    waiting->answer = std::move(answer);
    waiting->timer.cancel();
  });
  if (!waiting->answer) co_await wait(server, waiting->timer);
  if (!waiting->answer) co_return problem(504, "no answer came in time");
  co_return std::move(*waiting->answer);
}

asio::awaitable<bool> write_text(Stream& stream, const ServerOptions& options,
                                 const std::string& text) {
  stream.expires_after(options.write_timeout);
  const auto [error, n] = co_await asio::async_write(stream, asio::buffer(text), kAwait);
  co_return !error;
}

// Pulls events until the reader is gone; a quiet stream gets a comment now and then, which
// also finds out that it is.
asio::awaitable<void> write_events(ServerState& server, Stream& stream, const Response& response) {
  constexpr int kQuietTurns = 30;
  std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                     "Cache-Control: no-store\r\nConnection: close\r\n\r\n";
  if (!co_await write_text(stream, server.options, head)) co_return;
  asio::steady_timer timer(server.io);
  for (int quiet = 0; !server.stopped;) {
    std::string text = response.events();
    quiet = text.empty() ? quiet + 1 : 0;
    if (quiet == kQuietTurns) {
      text = ": still here\n\n";
      quiet = 0;
    }
    if (!text.empty() && !co_await write_text(stream, server.options, text)) co_return;
    timer.expires_after(server.options.event_interval);
    co_await wait(server, timer);
  }
}

asio::awaitable<void> serve_events(ServerState& server, Stream& stream, Response response) {
  if (server.counts.event_readers >= server.options.max_event_readers) {
    co_await write(stream, server.options, problem(503, "too many readers of events"), {});
    co_return;
  }
  ++server.counts.event_readers;
  co_await write_events(server, stream, response);
  --server.counts.event_readers;
}

// The answer to a head or body that could not be read; nothing if the peer is just gone.
std::optional<Response> read_problem(const Peer& peer, const Message& read, const error_code& error) {
  if (peer.late) return problem(408, "the request did not come in time");
  if (error == bhttp::error::header_limit) {
    const bool has_target = !read.target().empty();
    return has_target ? problem(431, "the header is too long")
                      : problem(414, "the request's target is too long");
  }
  if (error == bhttp::error::body_limit) return problem(413, "the body is too long");
  if (error == bhttp::error::end_of_stream || error == bhttp::error::partial_message) {
    return std::nullopt;
  }
  if (error.category() == bhttp::make_error_code(bhttp::error::bad_method).category()) {
    return problem(400, "not a valid HTTP request: " + error.message());
  }
  return std::nullopt;
}

// Reads one request into `parser`. The whole of it is under one deadline, which
// end_late_reads() keeps: the stream's own would close the socket, and nobody would be told.
asio::awaitable<error_code> read(Peer& peer, Parser& parser, const ServerOptions& options) {
  Stream& stream = peer.stream;
  if (peer.buffer.size() == 0) {  // wait for the first byte without the request's own deadline
    stream.expires_after(options.idle_timeout);
    const auto [error, n] =
        co_await stream.async_read_some(peer.buffer.prepare(kFirstRead), kAwait);
    if (error) co_return error;
    peer.buffer.commit(n);
  }
  peer.idle = false;
  peer.read_by = std::chrono::steady_clock::now() + options.read_timeout;
  stream.expires_never();
  const auto [head_error, head] =
      co_await bhttp::async_read_header(stream, peer.buffer, parser, kAwait);
  if (head_error) co_return head_error;
  if (beast::iequals(parser.get()[bhttp::field::expect], "100-continue")) {
    bhttp::response<bhttp::empty_body> go_on{bhttp::status::continue_, parser.get().version()};
    const auto [error, n] = co_await bhttp::async_write(stream, go_on, kAwait);
    if (error) co_return error;
  }
  const auto [error, n] = co_await bhttp::async_read(stream, peer.buffer, parser, kAwait);
  co_return error;
}

// Answers one request. False: the connection ends.
asio::awaitable<bool> respond(ServerState& server, const Listener& listener, Stream& stream,
                              const Message& message) {
  const Form form{message.version(), message.method() == bhttp::verb::head, message.keep_alive()};
  Response response = answer(listener, message);
  if (response.events && !form.head) {
    co_await serve_events(server, stream, std::move(response));
    co_return false;
  }
  if (response.later) response = co_await wait_for(server, std::move(response));
  if (server.stopped) co_return false;
  const bool written = co_await write(stream, server.options, std::move(response), form);
  co_return written && form.keep_alive;
}

// Requests of one connection, in order, until it ends.
asio::awaitable<void> exchange_all(ServerState& server, const Listener& listener, Peer& peer) {
  const ServerOptions& options = server.options;
  peer.buffer.max_size(options.max_header_bytes + options.max_body_bytes + 2 * kFirstRead);
  for (;;) {
    Parser parser;
    parser.header_limit(options.max_header_bytes);
    parser.body_limit(options.max_body_bytes);
    const error_code error = co_await read(peer, parser, options);
    peer.read_by = Time::max();
    if (server.stopped) co_return;
    if (error) {
      auto response = read_problem(peer, parser.get(), error);
      if (response) co_await write(peer.stream, options, std::move(*response), {});
      co_return;
    }
    ++server.counts.requests;
    if (!co_await respond(server, listener, peer.stream, parser.get())) co_return;
    peer.idle = true;
    server.open.remove(&peer);  // to the end: it has waited least
    server.open.push_back(&peer);
  }
}

// Says goodbye so that the peer reads our last answer before the reset that unread bytes
// of its own (a body we refused) would cause.
asio::awaitable<void> close(Stream& stream) {
  error_code ignored;
  stream.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  stream.expires_after(std::chrono::seconds(1));
  std::array<char, 4096> rest;
  for (std::size_t taken = 0; taken < kMostAfterRefusal; taken += rest.size()) {
    const auto [error, n] = co_await stream.async_read_some(asio::buffer(rest), kAwait);
    if (error) break;
  }
  stream.close();
}

asio::awaitable<void> serve(State server, const Listener& listener, Protocol::socket socket) {
  Peer peer(std::move(socket));
  server->open.push_back(&peer);
  ++server->counts.open;
  co_await exchange_all(*server, listener, peer);
  if (!server->stopped) co_await close(peer.stream);
  server->open.remove(&peer);
  --server->counts.open;
}

// Whether there is room for one more. A full house asks its longest idle guest to leave,
// so that idle connections cannot keep everybody else out.
bool make_room(ServerState& server) {
  if (server.counts.open < server.options.max_connections) return true;
  const auto at = std::find_if(server.open.begin(), server.open.end(),
                               [](const Peer* peer) { return peer->idle; });
  if (at == server.open.end()) {
    ++server.counts.refused_connections;
    return false;
  }
  (*at)->idle = false;
  (*at)->stream.close();
  ++server.counts.evicted_connections;
  return true;
}

asio::awaitable<void> end_late_reads(State server) {
  asio::steady_timer pause(server->io);
  while (!server->stopped) {
    pause.expires_after(std::min<Duration>(kLateLook, server->options.read_timeout));
    co_await wait(*server, pause);
    const Time now = std::chrono::steady_clock::now();
    for (Peer* peer : server->open) {
      if (now < peer->read_by) continue;
      peer->read_by = Time::max();
      peer->late = true;
      peer->stream.cancel();
    }
  }
}

asio::awaitable<void> accept_all(State server, Listener& listener) {
  asio::steady_timer pause(server->io);
  while (!server->stopped) {
    auto [error, socket] = co_await listener.acceptor.async_accept(kAwait);
    if (server->stopped) co_return;
    if (error) {
      pause.expires_after(kAcceptPause);
      co_await wait(*server, pause);
      continue;
    }
    ++server->counts.accepted;
    if (!make_room(*server)) continue;  // closed by its destructor
    spawn(server->io.get_executor(), "api connection",
          serve(server, listener, std::move(socket)));
  }
}

Result<> add_listener(ServerState& server, const std::string& text, const Router& router,
                      AccessRule access) {
  auto address = ListenAddress::parse(text);
  if (!address) return address.error();
  auto fd = listen_on(*address);
  if (!fd) return fd.error();
  const int family = !address->unix_path.empty()                               ? AF_UNIX
                     : address->address.find(':') == std::string::npos ? AF_INET
                                                                               : AF_INET6;
  Acceptor acceptor(server.io, Protocol(family, 0), fd->release());
  server.listeners.push_back({std::move(*address), &router, std::move(access), std::move(acceptor)});
  return {};
}

// Who can reach it, and whether that needs a token.
Result<> check_listen(const ServerOptions& options) {
  const auto address = ListenAddress::parse(options.listen);
  if (!address) return address.error();
  if (!address->unix_path.empty() || address->loopback || !options.token_file.empty()) return {};
  return plain_error("refusing to listen on " + options.listen +
                     " without a token: give --api-token-file FILE (api.token_file), or listen "
                     "on 127.0.0.1 or on unix:PATH");
}

Result<> open_listeners(ServerState& server) {
  const ServerOptions& options = server.options;
  AccessRule access = AccessRule::local();
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    if (!token) return token.error();
    access = AccessRule::token(std::move(*token));
  }
  if (auto ok = add_listener(server, options.listen, server.api, access); !ok) return ok;
  if (options.metrics_listen.empty()) return {};
  return add_listener(server, options.metrics_listen, server.metrics, AccessRule::open());
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(asio::io_context& io, const ServerOptions& options,
                                              Router api, Router metrics) {
  State state(new ServerState{io, options, std::move(api), std::move(metrics), {}, {}, {}, {}, false});
  if (!options.unix_socket.empty()) state->options.listen = "unix:" + options.unix_socket;
  if (auto ok = check_listen(state->options); !ok) return ok.error();
  if (auto ok = open_listeners(*state); !ok) return ok.error();
  for (Listener& listener : state->listeners) {
    spawn(io.get_executor(), "api listener", accept_all(state, listener));
  }
  spawn(io.get_executor(), "api deadlines", end_late_reads(state));
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::shared_ptr<ServerState> state) : state_(std::move(state)) {}
Server::~Server() { stop(); }

std::string Server::address() const { return state_->listeners.front().address.to_string(); }

std::string Server::metrics_address() const {
  for (const Listener& listener : state_->listeners) {
    if (listener.router == &state_->metrics) return listener.address.to_string();
  }
  return {};
}

ServerCounts Server::counts() const { return state_->counts; }

void Server::stop() {
  if (std::exchange(state_->stopped, true)) return;
  for (Listener& listener : state_->listeners) {
    error_code ignored;
    listener.acceptor.close(ignored);
    if (!listener.address.unix_path.empty()) ::unlink(listener.address.unix_path.c_str());
  }
  for (Peer* peer : state_->open) peer->stream.close();
  for (asio::steady_timer* timer : state_->timers) timer->cancel();
}

}  // namespace shadowtap::api
