#include "agent/config/watcher.h"

#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <filesystem>
#include <optional>
#include <set>
#include <tuple>

#include "agent/base/log.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::config {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kQuiet = 100ms;     // an editor's several steps are one change
constexpr auto kLookEvery = 10s;   // also catches what no directory told
constexpr std::uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE |
                                  IN_DELETE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

// What the path leads to; nothing: there is no file.
using Identity = std::optional<std::tuple<dev_t, ino_t, off_t, time_t, long>>;

Identity identity(const std::string& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return std::nullopt;
  return std::tuple(s.st_dev, s.st_ino, s.st_size, s.st_mtim.tv_sec, s.st_mtim.tv_nsec);
}

// The directories of the path, of each symlink on the way, and of the file itself.
std::set<std::string> directories(const std::string& path) {
  constexpr int kMostLinks = 16;
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::set<std::string> all;
  fs::path at = fs::absolute(path, ignored);
  for (int i = 0; i < kMostLinks; ++i) {
    all.insert(at.parent_path());
    if (!fs::is_symlink(at, ignored)) break;
    const fs::path to = fs::read_symlink(at, ignored);
    at = to.is_absolute() ? to : at.parent_path() / to;
  }
  const fs::path real = fs::canonical(path, ignored);
  if (!ignored) all.insert(real.parent_path());
  return all;
}

}  // namespace

struct Watcher::State : std::enable_shared_from_this<Watcher::State> {
  State(asio::io_context& io, std::string watched, std::function<void()> callback)
      : path(std::move(watched)), changed(std::move(callback)), hangup(io), events(io),
        quiet(io), look(io) {}

  std::string path;
  std::function<void()> changed;
  Identity last;
  asio::signal_set hangup;
  asio::posix::stream_descriptor events;
  asio::steady_timer quiet;
  asio::steady_timer look;
  std::array<char, 4096> buffer;
  bool stopped = false;

  Result<> start() {
    error_code error;
    hangup.add(SIGHUP, error);
    if (error) return Error{error, "wait for SIGHUP"};
    await_hangup();
    if (path.empty()) return {};
    last = identity(path);
    watch();
    if (events.is_open()) await_events();
    await_look();
    return {};
  }

  void watch() {
    if (!events.is_open()) {
      UniqueFd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
      if (!fd) {
        spdlog::warn("no inotify: {} is looked at every 10 s instead", path);
        return;
      }
      error_code ignored;
      events.assign(fd.release(), ignored);
    }
    // Adding a directory again only renews its watch.
    for (const std::string& directory : directories(path)) {
      if (::inotify_add_watch(events.native_handle(), directory.c_str(), kEvents) < 0) {
        spdlog::debug("cannot watch {}", directory);
      }
    }
  }

  void await_hangup() {
    hangup.async_wait([self = shared_from_this()](error_code error, int) {
      if (error || self->stopped) return;
      self->last = identity(self->path);
      self->await_hangup();
      self->changed();
    });
  }

  void await_events() {
    events.async_read_some(asio::buffer(buffer),
                           [self = shared_from_this()](error_code error, std::size_t) {
                             if (error || self->stopped) return;
                             self->settle();
                             self->await_events();
                           });
  }

  void settle() {
    quiet.expires_after(kQuiet);
    quiet.async_wait([self = shared_from_this()](error_code error) {
      if (!error && !self->stopped) self->compare();
    });
  }

  void await_look() {
    look.expires_after(kLookEvery);
    look.async_wait([self = shared_from_this()](error_code error) {
      if (error || self->stopped) return;
      self->compare();
      self->await_look();
    });
  }

  void compare() {
    watch();  // a swapped link leads through other directories
    const Identity now = identity(path);
    if (now == last) return;
    last = now;
    if (now) changed();  // a file that is gone keeps the old configuration
  }

  void stop() {
    stopped = true;
    error_code ignored;
    hangup.cancel(ignored);
    events.close(ignored);
    quiet.cancel();
    look.cancel();
  }
};

Result<std::unique_ptr<Watcher>> Watcher::start(asio::io_context& io, std::string path,
                                                std::function<void()> changed) {
  auto state = std::make_shared<State>(io, std::move(path), std::move(changed));
  if (auto started = state->start(); !started) return started.error();
  return std::unique_ptr<Watcher>(new Watcher(std::move(state)));
}

Watcher::Watcher(std::shared_ptr<State> state) : state_(std::move(state)) {}

Watcher::~Watcher() { state_->stop(); }

}  // namespace shadowtap::config
