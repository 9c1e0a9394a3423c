#include "agent/shadow/middleware.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <charconv>
#include <deque>
#include <unordered_map>
#include <utility>

#include "agent/base/unique_fd.h"
#include "agent/shadow/raw_message.h"

namespace shadowtap::shadow {
namespace {

constexpr std::size_t kMaxLine = 64 << 20;  // hex of the largest message taken back
constexpr Duration kPatienceAtEnd = std::chrono::milliseconds(500);

void append_hex(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = digit(hex[i]);
    const int low = digit(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

// Still to be reaped: until then nobody else gets its id or its group's.
bool has_ended(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid != 0;
}

// With what it started: a shell may be gone before its program.
void end_group(pid_t pid) {
  ::kill(-pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

// Forked and running, or nothing. Nothing of our descriptors but the pipe gets there.
pid_t spawn_shell(const std::string& command, int channel) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, channel, 0);
  posix_spawn_file_actions_adddup2(&actions, channel, 1);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(
      &attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string text = command;
  std::string shell = "sh";
  std::string flag = "-c";
  char* const argv[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failed == 0 ? pid : 0;
}

}  // namespace

// The running program: one socket pair for both directions, read and written when ready.
class Middleware::Child : public std::enable_shared_from_this<Child> {
 public:
  Child(boost::asio::io_context& io, Middleware& owner, UniqueFd channel, pid_t pid)
      : descriptor_(io), owner_(&owner), pid_(pid), buffer_(64 << 10) {
    boost::system::error_code failed;
    descriptor_.assign(channel.get(), failed);
    if (failed) return;  // read() then tells that it is gone
    [[maybe_unused]] const int handed_on = channel.release();
    descriptor_.non_blocking(true, failed);
  }

  void write(std::string line) {
    unwritten_.append(line);
    flush();
  }
  std::size_t unwritten() const { return unwritten_.size() - written_; }

  void read() {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           [self = shared_from_this()](boost::system::error_code) {
                             if (self->owner_ != nullptr) self->on_readable();
                           });
  }

  // Hangs up and ends it at once; somebody has to reap the pid.
  pid_t kill() {
    hang_up();
    ::kill(-pid_, SIGKILL);
    return pid_;
  }

  // Hangs up and asks it to end; somebody has to see to it.
  pid_t ask_to_end() {
    hang_up();
    ::kill(-pid_, SIGTERM);
    return pid_;
  }

  // The same, waits a little, then makes it. Blocks: for our own end.
  void end() {
    ask_to_end();
    const Time limit = Time::clock::now() + kPatienceAtEnd;
    while (!has_ended(pid_) && Time::clock::now() < limit) ::usleep(1000);
    end_group(pid_);
  }

 private:
  void hang_up() {
    owner_ = nullptr;
    boost::system::error_code ignored;
    descriptor_.close(ignored);
  }

  void flush() {
    while (unwritten() > 0) {
      const ssize_t sent = ::send(descriptor_.native_handle(), unwritten_.data() + written_,
                                  unwritten(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) break;  // full, or the read side will tell that it is gone
      written_ += static_cast<std::size_t>(sent);
    }
    if (unwritten() == 0 || written_ > (1 << 20))
      unwritten_.erase(0, std::exchange(written_, 0));
    if (unwritten() == 0 || waiting_to_write_) return;
    waiting_to_write_ = true;
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_write,
                           [self = shared_from_this()](boost::system::error_code) {
                             self->waiting_to_write_ = false;
                             if (self->owner_ != nullptr) self->flush();
                           });
  }

  void on_readable() {
    while (owner_ != nullptr) {
      const ssize_t got =
          ::recv(descriptor_.native_handle(), buffer_.data(), buffer_.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return read();
      if (got <= 0) return owner_->died();
      take({buffer_.data(), static_cast<std::size_t>(got)});
    }
  }

  void take(std::string_view bytes) {
    while (owner_ != nullptr) {
      const auto end = bytes.find('\n');
      partial_.append(bytes.substr(0, end));
      if (partial_.size() > kMaxLine) return owner_->died();
      if (end == std::string_view::npos) return;
      bytes.remove_prefix(end + 1);
      const std::string line = std::exchange(partial_, {});
      owner_->line_came(line);
    }
  }

  boost::asio::posix::stream_descriptor descriptor_;
  Middleware* owner_;
  pid_t pid_;
  std::vector<char> buffer_;
  std::string partial_;
  std::string unwritten_;
  std::size_t written_ = 0;
  bool waiting_to_write_ = false;
};

struct Middleware::Waiting {
  std::unordered_map<http::ExchangeId, Time> since;
  std::deque<std::pair<Time, http::ExchangeId>> by_age;  // with ids that are gone
  std::deque<http::ExchangeId> to_drop;  // by the next tick: never from within offer()
};

Middleware::Middleware(boost::asio::io_context& io, Owner& owner, std::string command)
    : Middleware(io, owner, std::move(command), Limits()) {}

Middleware::Middleware(boost::asio::io_context& io, Owner& owner, std::string command,
                       Limits limits)
    : io_(io),
      owner_(owner),
      command_(std::move(command)),
      limits_(limits),
      waiting_(std::make_unique<Waiting>()) {
  start(Time::clock::now());
}

Middleware::~Middleware() {
  if (child_) child_->end();
  for (const int pid : unreaped_) end_group(pid);
}

bool Middleware::running() const {
  return child_ != nullptr;
}
std::size_t Middleware::waiting() const {
  return waiting_->since.size();
}

void Middleware::start(Time now) {
  int pair[2];
  start_again_ = now + limits_.restart_after;
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return;
  UniqueFd ours(pair[0]);
  const UniqueFd theirs(pair[1]);
  const pid_t pid = spawn_shell(command_, theirs.get());
  if (pid == 0) return;
  starts_.add();
  child_ = std::make_shared<Child>(io_, *this, std::move(ours), pid);
  child_->read();
}

void Middleware::died() {
  if (const auto child = std::exchange(child_, nullptr)) unreaped_.push_back(child->kill());
  start_again_ = Time::clock::now() + limits_.restart_after;
  drop_all();
}

void Middleware::leave(Time now) {
  leaving_ = true;
  patience_ends_ = now + kPatienceAtEnd;
  if (const auto child = std::exchange(child_, nullptr)) unreaped_.push_back(child->ask_to_end());
  drop_all();
}

void Middleware::drop_all() {
  std::vector<http::ExchangeId> lost;
  for (const auto& [id, since] : waiting_->since) lost.push_back(id);
  for (const http::ExchangeId id : lost) drop(id);
}

void Middleware::offer(const http::Exchange& exchange) {
  const Time now = Time::clock::now();
  waiting_->since[exchange.id] = now;
  waiting_->by_age.emplace_back(now, exchange.id);
  if (waiting() <= limits_.max_waiting &&
      write_line(1, exchange.id, Duration{}, raw_bytes(exchange.request))) {
    return;
  }
  waiting_->to_drop.push_back(exchange.id);
}

void Middleware::tell_original(const http::Exchange& exchange) {
  const Duration latency = exchange.response_first - exchange.request_last;
  if (!exchange.original ||
      write_line(2, exchange.id, latency, raw_bytes(*exchange.original))) {
    return;
  }
  untold_.add();
}

void Middleware::tell_answer(http::ExchangeId id, Duration latency, const std::string& bytes) {
  if (!write_line(3, id, latency, bytes)) untold_.add();
}

bool Middleware::write_line(int type, http::ExchangeId id, Duration latency,
                            const std::string& http) {
  if (!child_ || child_->unwritten() + 2 * http.size() > limits_.max_unwritten) return false;
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  const std::string meta = fmt::format(
      "{} {:024x} {} {}\n", type, id,
      std::chrono::duration_cast<std::chrono::nanoseconds>(time).count(), latency.count());
  std::string line;
  line.reserve(2 * (meta.size() + http.size()) + 1);
  append_hex(line, meta);
  append_hex(line, http);
  line.push_back('\n');
  child_->write(std::move(line));
  return true;
}

// Only requests matter; responses are echoed by those who do not know better.
void Middleware::line_came(std::string_view hex) {
  if (!hex.starts_with("3120")) return;
  const auto message = from_hex(hex);
  if (!message) return;
  const auto end = message->find('\n');
  const std::string_view meta = std::string_view(*message).substr(0, end);
  const std::string_view id_text = meta.substr(2, meta.find(' ', 2) - 2);
  http::ExchangeId id = 0;
  std::from_chars(id_text.data(), id_text.data() + id_text.size(), id, 16);
  if (end == std::string::npos || waiting_->since.erase(id) == 0) return;
  auto request = parse_request(std::string_view(*message).substr(end + 1));
  if (request) return owner_.passed(id, std::move(*request));
  dropped_.add();
  owner_.dropped(id);
}

void Middleware::drop(http::ExchangeId id) {
  if (waiting_->since.erase(id) == 0) return;
  dropped_.add();
  owner_.dropped(id);
}

void Middleware::tick(Time now) {
  if (leaving_ && now < patience_ends_) return;
  if (leaving_) {
    for (const int pid : unreaped_) ::kill(-pid, SIGKILL);
  }
  std::erase_if(unreaped_, [](int pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  if (leaving_) return;
  if (!child_ && now >= start_again_) start(now);
  for (const http::ExchangeId id : std::exchange(waiting_->to_drop, {})) drop(id);
  while (!waiting_->by_age.empty()) {
    const auto [since, id] = waiting_->by_age.front();
    const auto found = waiting_->since.find(id);
    const bool waits = found != waiting_->since.end() && found->second == since;
    if (waits && now - since < limits_.timeout) return;
    waiting_->by_age.pop_front();
    if (waits) drop(id);
  }
}

}  // namespace shadowtap::shadow
