#include "agent/capture/namespace_thread.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>

#include "agent/base/unique_fd.h"

namespace shadowtap::capture {
namespace {

std::string path_of(const std::string& netns) {
  return netns.find('/') == std::string::npos ? "/run/netns/" + netns : netns;
}

}  // namespace

Result<std::unique_ptr<NamespaceThread>> NamespaceThread::start(const std::string& netns) {
  std::unique_ptr<NamespaceThread> self(new NamespaceThread);
  if (netns.empty()) return self;
  const std::string path = path_of(netns);
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return errno_error("open network namespace " + path);
  int entered = 0;
  self->thread_ = std::thread([raw = self.get()] { raw->serve(); });
  self->run([&] { entered = ::setns(fd.get(), CLONE_NEWNET) ? errno : 0; });
  if (entered)
    return errno_error("enter network namespace " + path + " (needs CAP_SYS_ADMIN)", entered);
  return self;
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
