#include "tests/e2e/shadow_fixture.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "agent/base/text.h"

namespace shadowtap::shadow::test {

http::Exchange exchange_of(std::string method, std::string target, std::uint64_t connection) {
  static http::ExchangeId next = 0x1000;
  http::Exchange exchange;
  exchange.id = ++next;
  exchange.connection = connection;
  exchange.request.method = std::move(method);
  exchange.request.target = std::move(target);
  exchange.request.headers.append("Host", "shop.example");
  exchange.request_first = exchange.request_last = Time::clock::now();
  return exchange;
}

struct Imposter::State {
  UniqueFd listener;
  std::mutex mutex;
  std::map<int, int> open;  // descriptor -> number
  std::thread acceptor;
  std::vector<std::thread> threads;
  std::atomic<int> accepted{0};
  std::atomic<bool> listening{true};
  Script script;

  void serve(int descriptor, int number) {
    script(descriptor, number);
    const std::lock_guard lock(mutex);
    if (open.erase(descriptor) > 0) ::close(descriptor);
  }

  void accept_loop() {
    while (listening) {
      pollfd waiting{listener.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int descriptor = ::accept(listener.get(), nullptr, nullptr);
      if (descriptor < 0) continue;
      const std::lock_guard lock(mutex);
      const int number = accepted++;
      open[descriptor] = number;
      threads.emplace_back([this, descriptor, number] { serve(descriptor, number); });
    }
    listener.reset();
  }
};

Imposter::Imposter(Script script, std::string unix_path, std::uint16_t port)
    : state_(std::make_shared<State>()), unix_path_(std::move(unix_path)) {
  state_->script = std::move(script);
  if (unix_path_.empty()) {
    state_->listener.reset(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    const int one = 1;
    ::setsockopt(state_->listener.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(state_->listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ::getsockname(state_->listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
  } else {
    state_->listener.reset(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, unix_path_.c_str(), sizeof address.sun_path - 1);
    ::unlink(unix_path_.c_str());
    EXPECT_EQ(
        ::bind(state_->listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
        0);
  }
  EXPECT_EQ(::listen(state_->listener.get(), 1024), 0);
  State* const state = state_.get();
  state_->acceptor = std::thread([state] { state->accept_loop(); });
}

Imposter::~Imposter() {
  stop_listening();
  reset_all();
  for (std::thread& thread : state_->threads) thread.join();
  if (!unix_path_.empty()) ::unlink(unix_path_.c_str());
}

std::string Imposter::url() const {
  return unix_path_.empty() ? "http://127.0.0.1:" + std::to_string(port_)
                            : "unix:" + unix_path_;
}

int Imposter::connections() const {
  return state_->accepted;
}

void Imposter::stop_listening() {
  if (!state_->listening.exchange(false)) return;
  state_->acceptor.join();
}

void Imposter::reset_all() {
  const std::lock_guard lock(state_->mutex);
  for (const auto& [descriptor, number] : state_->open) {
    const linger hard{1, 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    ::shutdown(descriptor, SHUT_RDWR);
  }
}

std::string read_request(int descriptor) {
  std::string text;
  char buffer[65536];
  while (true) {
    const auto head = text.find("\r\n\r\n");
    if (head != std::string::npos) {
      const std::string length = header_of(text, "content-length");
      const std::size_t want = length.empty() ? 0 : std::stoul(length);
      const bool chunked = !header_of(text, "transfer-encoding").empty();
      if (chunked ? text.find("0\r\n", head) != std::string::npos && text.ends_with("\r\n\r\n")
                  : text.size() >= head + 4 + want) {
        return text;
      }
    }
    const ssize_t got = ::recv(descriptor, buffer, sizeof buffer, 0);
    if (got <= 0) return "";
    text.append(buffer, static_cast<std::size_t>(got));
  }
}

void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

std::string header_of(const std::string& request, std::string_view name) {
  std::size_t at = request.find("\r\n");
  while (at != std::string::npos) {
    at += 2;
    const auto end = request.find("\r\n", at);
    if (end == std::string::npos || end == at) return "";
    const std::string_view line(request.data() + at, end - at);
    const auto colon = line.find(": ");
    if (colon != std::string_view::npos && equal_ignoring_case(line.substr(0, colon), name)) {
      return std::string(line.substr(colon + 2));
    }
    at = end;
  }
  return "";
}

std::string ok_response(std::string_view body, std::string_view extra_headers) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(extra_headers) + "\r\n" + std::string(body);
}

void echo(int descriptor, int) {
  for (std::string request = read_request(descriptor); !request.empty();
       request = read_request(descriptor)) {
    const bool head = request.starts_with("HEAD ");
    const std::string response = ok_response(request.substr(0, request.find("\r\n")));
    write_all(descriptor, head ? response.substr(0, response.find("\r\n\r\n") + 4) : response);
  }
}

void Collector::answered(http::ExchangeId id, Role role, TargetOutcome outcome) {
  order.emplace_back(id, role);
  if (!outcomes.emplace(std::pair(id, role), std::move(outcome)).second) ++repeated;
}

const TargetOutcome* Collector::find(http::ExchangeId id, Role role) const {
  const auto found = outcomes.find({id, role});
  return found == outcomes.end() ? nullptr : &found->second;
}

const http::Answer& Collector::answer(http::ExchangeId id, Role role) const {
  static const http::Answer none = [] {
    http::Answer answer;
    answer.error = http::AnswerError::kCount_;
    return answer;
  }();
  const TargetOutcome* const outcome = find(id, role);
  const auto* answer = outcome == nullptr ? nullptr : std::get_if<http::Answer>(outcome);
  return answer == nullptr ? none : *answer;
}

Program::Program() {
  char name[] = "/tmp/shadowtap-test-XXXXXX";
  directory_ = ::mkdtemp(name);
}

Program::~Program() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Program::write(const std::string& name, std::string_view text) const {
  std::ofstream(directory_ + "/" + name) << text;
}

int Program::spawn(const std::vector<std::string>& arguments) const {
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, (directory_ + "/stdout").c_str(),
                                   O_CREAT | O_WRONLY | O_APPEND, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, (directory_ + "/stderr").c_str(),
                                   O_CREAT | O_WRONLY | O_APPEND, 0600);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  int pid = 0;
  const int failed = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : 0;
}

bool Program::run(const std::vector<std::string>& arguments) const {
  const int pid = spawn(arguments);
  int status = -1;
  return pid != 0 && ::waitpid(pid, &status, 0) == pid && status == 0;
}

void Program::start(const std::vector<std::string>& arguments) {
  pid_ = spawn(arguments);
}

void Program::stop() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(std::exchange(pid_, 0), nullptr, 0);
}

std::uint16_t Program::free_port() {
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

bool Program::wait_for_port(std::uint16_t port) {
  const Time end = Time::clock::now() + std::chrono::seconds(10);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  while (Time::clock::now() < end) {
    const UniqueFd probe(::socket(AF_INET, SOCK_STREAM, 0));
    if (::connect(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
      return true;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TargetOptions& Bench::add(Role role, const std::string& url) {
  TargetOptions& target = targets.emplace_back();
  target.role = role;
  target.name = to_string(role);
  target.url = url;
  return target;
}

void Bench::start() {
  ServiceContext context;
  context.name = "test";
  context.shard = shard;
  context.shards = shards;
  context.resolver = &resolver;
  context.limits = &limits;
  health = std::make_unique<ServiceHealth>(dispatch, shards, 7, Time::clock::now());
  context.health = health.get();
  auto made = make_dispatcher(io, context, select, dispatch, targets, sink);
  ASSERT_TRUE(made) << made.error().message();
  dispatcher = std::move(*made);
}

bool Bench::run_until(const std::function<bool()>& done, Duration limit) {
  const Time end = Time::clock::now() + limit;
  Time tick;
  while (!done()) {
    const Time now = Time::clock::now();
    if (now > end) return false;
    io.restart();
    io.run_one_for(std::chrono::milliseconds(2));
    if (now - tick < std::chrono::milliseconds(10)) continue;
    dispatcher->tick(now);
    health->decide(now);
    tick = now;
  }
  return true;
}

bool Bench::run_until_answers(std::size_t count) {
  return run_until([&] { return sink.count() >= count; });
}

}  // namespace shadowtap::shadow::test
