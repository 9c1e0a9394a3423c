// A dispatcher on its own io_context, run by hand, and imposters: servers on loopback
// whose every byte the test decides.
#pragma once

#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/unique_fd.h"
#include "agent/shadow/dispatcher.h"
#include "agent/shadow/resolver.h"
#include "agent/shadow/service_health.h"
#include "agent/shadow/shared_limits.h"

namespace shadowtap::shadow::test {

http::Exchange exchange_of(std::string method, std::string target,
                           std::uint64_t connection = 1);

// Listens on a port of the kernel's choice (or a Unix socket) and serves each connection
// on a thread of its own.
class Imposter {
 public:
  // What one connection does; ends when it returns. `number` counts connections from 0.
  using Script = std::function<void(int descriptor, int number)>;

  // `port` 0: of the kernel's choice.
  explicit Imposter(Script script, std::string unix_path = "", std::uint16_t port = 0);
  ~Imposter();

  std::uint16_t port() const { return port_; }
  std::string url() const;
  int connections() const;
  // Refuses from now on; those that are open go on.
  void stop_listening();
  // Ends every connection with a reset.
  void reset_all();

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::uint16_t port_ = 0;
  std::string unix_path_;
};

// Reads one request (head and Content-Length or chunked body); "" at the end.
std::string read_request(int descriptor);
void write_all(int descriptor, std::string_view bytes);
std::string header_of(const std::string& request, std::string_view name);
// Answers 200 with the request line as body, for ever.
void echo(int descriptor, int number);
std::string ok_response(std::string_view body, std::string_view extra_headers = "");

class Collector : public AnswerSink {
 public:
  void answered(http::ExchangeId id, Role role, TargetOutcome outcome) override;

  const http::Answer& answer(http::ExchangeId id, Role role = Role::kCandidate) const;
  const TargetOutcome* find(http::ExchangeId id, Role role = Role::kCandidate) const;
  std::size_t count() const { return order.size(); }

  std::vector<std::pair<http::ExchangeId, Role>> order;
  std::map<std::pair<http::ExchangeId, Role>, TargetOutcome> outcomes;
  std::size_t repeated = 0;  // answered more than once
};

// A program of the test, in a directory of its own; ended and removed with it.
class Program {
 public:
  Program();
  ~Program();

  const std::string& directory() const { return directory_; }
  void write(const std::string& name, std::string_view text) const;
  // Runs to its end; true if it exits with 0.
  bool run(const std::vector<std::string>& arguments) const;
  void start(const std::vector<std::string>& arguments);
  void stop();
  int pid() const { return pid_; }
  static std::uint16_t free_port();
  static bool wait_for_port(std::uint16_t port);

 private:
  int spawn(const std::vector<std::string>& arguments) const;

  std::string directory_;
  int pid_ = 0;
};

struct Bench {
  boost::asio::io_context io;
  Collector sink;
  Resolver resolver;
  SharedLimits limits{GlobalLimits{}};
  SelectOptions select;
  DispatchOptions dispatch;
  std::vector<TargetOptions> targets;
  std::uint16_t shard = 0;  // of how many
  std::uint16_t shards = 1;
  std::unique_ptr<ServiceHealth> health;
  std::unique_ptr<Dispatcher> dispatcher;

  Bench() { dispatch.mark = 0; }
  TargetOptions& add(Role role, const std::string& url);
  void start();
  // Runs events and ticks until `done` or the time is up; false then.
  bool run_until(const std::function<bool()>& done, Duration limit = std::chrono::seconds(10));
  bool run_until_answers(std::size_t count);
};

}  // namespace shadowtap::shadow::test
