// A thread that lives in a network namespace and runs there what it is given, so that the
// rest of the agent stays in its own. Each call blocks until the work is done. Holds the
// namespace until destroyed, whoever else has let it go.
//
// Without a namespace it has no thread: work runs on the caller's.
#pragma once

#include <sys/types.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::capture {

class NamespaceThread {
 public:
  // `netns`: a path, or a name under /run/netns; empty: the caller's own.
  static Result<std::unique_ptr<NamespaceThread>> start(const std::string& netns);
  ~NamespaceThread();
  NamespaceThread(const NamespaceThread&) = delete;
  NamespaceThread& operator=(const NamespaceThread&) = delete;

  void run(const std::function<void()>& work);

  // False: the path leads nowhere or to another namespace now, or the process has ended whose
  // /proc/PID/ns/net it is. True in doubt (where we may not look), and without a namespace.
  bool path_leads_here() const;

 private:
  NamespaceThread() = default;
  Result<> enter(const std::string& path);
  void serve();

  std::string path_;
  UniqueFd process_;  // of /proc/PID/ns/net; holds no namespace
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace shadowtap::capture
