#include "agent/results/store.h"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <filesystem>

namespace shadowtap::results {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kBatchesBetweenSweeps = 600;
constexpr std::uint64_t kBucketBytes = 160;  // of a row, with its place in the index

Result<UniqueFd> lock_of(const std::string& dir) {
  const std::string path = dir + "/results.lock";
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (fd.get() < 0) return errno_error("open " + path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    return plain_error(path + " is held: another shadowtap uses this data directory");
  }
  return fd;
}

}  // namespace

std::unique_ptr<Store> Store::open(const StoreOptions& options, StoreRows& loaded) {
  std::unique_ptr<Store> store(new Store(options));
  std::error_code code;
  std::filesystem::create_directories(options.data_dir, code);
  const auto give_up = [&](const Error& error) {
    store->set_problem(error.message());
    return std::move(store);
  };
  auto lock = lock_of(options.data_dir);
  if (!lock) return give_up(lock.error());
  store->lock_ = std::move(*lock);
  auto database = Database::open(options.data_dir + "/results.db", options.max_bytes);
  if (!database) return give_up(database.error());
  auto rows = database->load();
  if (!rows) return give_up(rows.error());
  loaded = std::move(*rows);
  store->database_ = std::move(*database);
  store->thread_ = std::thread([raw = store.get()] { raw->run(); });
  return store;
}

Store::~Store() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  work_.release();
  thread_.join();
}

bool Store::submit(std::unique_ptr<StoreRows>& rows) {
  if (queue_.push(rows) == HandedOver::kRefused) return false;
  ++submitted_;
  work_.release();
  return true;
}

bool Store::wants_everything(WallTime now) {
  if (!failed_) retry_pause_ = kFirstRetry;
  if (!failed_ || now - retried_ < retry_pause_) return false;
  retry_pause_ = std::min(2 * retry_pause_, kLastRetry);
  retried_ = now;
  return true;
}

Result<> Store::flush(Duration deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (writable() && done_ < submitted_) {
    if (std::chrono::steady_clock::now() > until) return plain_error("flush results: the disk is too slow");
    std::this_thread::sleep_for(1ms);
  }
  const ResultsHealth now = health();
  if (!now.ok) return plain_error(now.why_not);
  return {};
}

ResultsHealth Store::health() const {
  ResultsHealth health;
  const std::lock_guard lock(problem_mutex_);
  health.ok = problem_.empty();
  if (!health.ok) health.why_not = "store: " + problem_ + "; results are kept in memory";
  health.refused = queue_.refused();
  return health;
}

void Store::set_problem(std::string problem) {
  const std::lock_guard lock(problem_mutex_);
  problem_ = std::move(problem);
}

void Store::run() {
  while (true) {
    work_.acquire();
    while (auto rows = queue_.pop()) {
      write(**rows);
      ++done_;
    }
    if (stopping_) return;
  }
}

// After a failure only a batch with everything makes sense: later ones build on what is
// not there.
void Store::write(const StoreRows& rows) {
  if (failed_ && rows.cleared.empty()) return;
  auto written = database_->write(rows);
  if (written && done_ % kBatchesBetweenSweeps == 0) {
    const auto oldest = std::chrono::system_clock::now() - options_.max_age;
    written = database_->bound_buckets(
        std::chrono::floor<std::chrono::minutes>(oldest).time_since_epoch().count(),
        options_.max_bytes / 4 / kBucketBytes);
  }
  failed_ = !written.has_value();
  set_problem(written ? std::string() : written.error().message());
}

}  // namespace shadowtap::results
