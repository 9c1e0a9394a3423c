// Results on disk: one thread that alone touches SQLite, fed through a bounded queue.
// Nobody waits for it but flush(). What cannot be written stays in memory; the state says
// so, and once the disk takes writes again everything is written anew.
//
// Control thread, but for the thread it owns.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>

#include "agent/base/handoff.h"
#include "agent/base/unique_fd.h"
#include "agent/results/database.h"
#include "agent/results/results.h"

namespace shadowtap::results {

class Store {
 public:
  // Never fails: where the disk or the file is of no use, health() says why and results
  // are kept in memory. `loaded` gets what was kept.
  static std::unique_ptr<Store> open(const StoreOptions& options, StoreRows& loaded);
  ~Store();  // writes what is queued

  // False: the queue is full, `rows` is untouched and counted.
  [[nodiscard]] bool submit(std::unique_ptr<StoreRows>& rows);
  // True after a failed write, seconds and then up to a minute apart: hand over everything,
  // cleared.
  bool wants_everything(WallTime now);
  // Waits until what was submitted is written (or failed).
  Result<> flush(Duration deadline);

  bool writable() const { return database_.has_value(); }
  ResultsHealth health() const;

 private:
  // After a failure, and doubled with each further one: everything is a lot to hand over in vain.
  static constexpr Duration kFirstRetry = std::chrono::seconds(5);
  static constexpr Duration kLastRetry = std::chrono::seconds(60);

  explicit Store(const StoreOptions& options) : options_(options) {}
  void run();
  void write(const StoreRows& rows);
  void set_problem(std::string problem);

  StoreOptions options_;
  UniqueFd lock_;
  std::optional<Database> database_;  // the store thread's, once it runs
  Handoff<std::unique_ptr<StoreRows>> queue_{16};
  std::counting_semaphore<> work_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> done_{0};
  std::uint64_t submitted_ = 0;
  WallTime retried_{};
  Duration retry_pause_ = kFirstRetry;
  mutable std::mutex problem_mutex_;  // held for a copy of a string, never across I/O
  std::string problem_;
  std::thread thread_;
};

}  // namespace shadowtap::results
