// The HTTP server in front of the routers: connections, limits and deadlines.
//
// Every read and write is under a deadline; header, body, connections and the requests
// of one connection are bounded. Knows nothing of what the calls mean. All of it runs on
// the io_context given to start(), which is the control thread's.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agent/api/router.h"
#include "agent/base/result.h"
#include "agent/base/time.h"

namespace boost::asio {
class io_context;
}

namespace shadowtap::api {

using namespace std::chrono_literals;

struct ServerOptions {
  // "127.0.0.1:9900", or "unix:PATH". Anything but loopback and Unix needs token_file.
  std::string listen = "127.0.0.1:9900";
  std::string unix_socket;     // a path: instead of `listen`, if set
  std::string metrics_listen;  // any address; serves the metrics router, no token
  std::string token_file;

  std::size_t max_connections = 128;  // beyond: the longest idle one makes room
  std::size_t max_event_readers = 16;
  std::uint32_t max_header_bytes = 16 << 10;
  std::uint64_t max_body_bytes = 1 << 20;
  Duration read_timeout = 10s;   // from a request's first wait to its last byte
  Duration idle_timeout = 60s;   // between requests
  Duration write_timeout = 30s;  // one answer, one batch of events
  Duration answer_timeout = 30s;  // an answer that comes later
  Duration event_interval = 500ms;
};

struct ServerState;  // in server.cpp

struct ServerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t refused_connections = 0;  // over max_connections, none of them idle
  std::uint64_t evicted_connections = 0;  // idle, made room
  std::uint64_t requests = 0;
  std::size_t open = 0;
  std::size_t event_readers = 0;
};

class Server {
 public:
  // Listens before it returns. An error (address in use, a public address without a
  // token, …) says what to do about it.
  [[nodiscard]] static Result<std::unique_ptr<Server>> start(boost::asio::io_context& io,
                                                             const ServerOptions& options,
                                                             Router api, Router metrics);
  ~Server();  // stops

  // "127.0.0.1:40123", port 0 resolved; "unix:PATH".
  std::string address() const;
  std::string metrics_address() const;  // empty: not asked for
  ServerCounts counts() const;

  // Closes listeners and connections; their coroutines end as the io_context runs on. No
  // handler is called after this.
  void stop();

 private:
  explicit Server(std::shared_ptr<ServerState> state);
  std::shared_ptr<ServerState> state_;  // shared with the connections' coroutines
};

}  // namespace shadowtap::api
