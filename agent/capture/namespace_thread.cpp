#include "agent/capture/namespace_thread.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

namespace shadowtap::capture {
namespace {

std::string path_of(const std::string& netns) {
  return netns.find('/') == std::string::npos ? "/run/netns/" + netns : netns;
}

// Of /proc/PID/ns/net.
std::optional<pid_t> process_of(std::string_view path) {
  constexpr std::string_view kPrefix = "/proc/", kSuffix = "/ns/net";
  if (!path.starts_with(kPrefix) || !path.ends_with(kSuffix)) return std::nullopt;
  path.remove_prefix(kPrefix.size());
  path.remove_suffix(kSuffix.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(path.data(), path.data() + path.size(), pid);
  if (error != std::errc() || end != path.data() + path.size()) return std::nullopt;
  return pid;
}

bool has_ended(const UniqueFd& process) {
  pollfd ended{.fd = process.get(), .events = POLLIN, .revents = 0};
  return process && ::poll(&ended, 1, 0) == 1;
}

}  // namespace

Result<std::unique_ptr<NamespaceThread>> NamespaceThread::start(const std::string& netns) {
  std::unique_ptr<NamespaceThread> self(new NamespaceThread);
  if (netns.empty()) return self;
  if (auto entered = self->enter(path_of(netns)); !entered) return entered.error();
  return self;
}

// The process first: if it lives still when the path is open, the path was its.
Result<> NamespaceThread::enter(const std::string& path) {
  path_ = path;
  if (const auto pid = process_of(path))
    process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat place{};
  if (!fd || ::fstat(fd.get(), &place)) return errno_error("open network namespace " + path);
  if (has_ended(process_)) return errno_error("open network namespace " + path, ESRCH);
  device_ = place.st_dev;
  inode_ = place.st_ino;
  int entered = 0;
  thread_ = std::thread([this] { serve(); });
  run([&] { entered = ::setns(fd.get(), CLONE_NEWNET) ? errno : 0; });
  if (entered)
    return errno_error("enter network namespace " + path + " (needs CAP_SYS_ADMIN)", entered);
  return {};
}

bool NamespaceThread::path_leads_here() const {
  if (path_.empty()) return true;
  if (has_ended(process_)) return false;
  struct stat place{};
  if (::stat(path_.c_str(), &place))
    return errno != ENOENT && errno != ENOTDIR && errno != ESRCH;
  return place.st_dev == device_ && place.st_ino == inode_;
}

NamespaceThread::~NamespaceThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void NamespaceThread::run(const std::function<void()>& work) {
  if (!thread_.joinable()) {
    work();
    return;
  }
  std::unique_lock lock(mutex_);
  work_ = &work;
  changed_.notify_all();
  changed_.wait(lock, [this] { return work_ == nullptr; });
}

void NamespaceThread::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return work_ || stop_; });
    if (stop_) return;
    (*work_)();
    work_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace shadowtap::capture
