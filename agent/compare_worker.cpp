#include "agent/compare_worker.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/post.hpp>

namespace shadowtap {
namespace {

constexpr int kNice = 10;

}  // namespace

CompareWorker::CompareWorker(Limits limits)
    : limits_(limits), work_(boost::asio::make_work_guard(io_)), thread_([this] {
        ::pthread_setname_np(::pthread_self(), "st-compare");
        // Per thread on Linux, whatever POSIX says (setpriority(2), "C library/kernel differences").
        ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kNice);
        io_.run();
      }) {}

CompareWorker::~CompareWorker() {
  work_.reset();
  thread_.join();
}

bool CompareWorker::submit(CompareJob& job, std::shared_ptr<const CompareRules> rules,
                           std::function<void(results::Comparison)> done) {
  const std::size_t bytes = job.body_bytes();
  if (jobs_.load() >= limits_.jobs || bytes_.load() + bytes > limits_.bytes) return false;
  jobs_.fetch_add(1);
  bytes_.fetch_add(bytes);
  boost::asio::post(io_, [this, bytes, job = std::move(job), rules = std::move(rules),
                          done = std::move(done)]() mutable {
    done(compare_exchange(std::move(job), *rules));
    bytes_.fetch_sub(bytes);
    jobs_.fetch_sub(1);
  });
  return true;
}

}  // namespace shadowtap
