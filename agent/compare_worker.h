// One low-priority thread for comparisons too large for a shard: a 10 MiB JSON diff
// must never keep a shard from its ring. Bounded; what it refuses the shard counts.
//
// submit() from any shard's thread; `done` runs on the worker's thread (it posts back).
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <thread>

#include "agent/compare_stage.h"

namespace shadowtap {

class CompareWorker {
 public:
  struct Limits {
    std::size_t jobs = 64;
    std::size_t bytes = 256 << 20;
  };

  explicit CompareWorker(Limits limits);
  ~CompareWorker();  // finishes what it was given

  // False: full, the job is untouched.
  [[nodiscard]] bool submit(CompareJob& job, std::shared_ptr<const CompareRules> rules,
                            std::function<void(results::Comparison)> done);

 private:
  Limits limits_;
  std::atomic<std::size_t> jobs_{0};
  std::atomic<std::size_t> bytes_{0};
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace shadowtap
