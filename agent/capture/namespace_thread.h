// A thread that lives in a network namespace and runs there what it is given, so that the
// rest of the agent stays in its own. Each call blocks until the work is done.
//
// Without a namespace it has no thread: work runs on the caller's.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "agent/base/result.h"

namespace shadowtap::capture {

class NamespaceThread {
 public:
  // `netns`: a path, or a name under /run/netns; empty: the caller's own.
  static Result<std::unique_ptr<NamespaceThread>> start(const std::string& netns);
  ~NamespaceThread();
  NamespaceThread(const NamespaceThread&) = delete;
  NamespaceThread& operator=(const NamespaceThread&) = delete;

  void run(const std::function<void()>& work);

 private:
  NamespaceThread() = default;
  void serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* work_ = nullptr;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace shadowtap::capture
