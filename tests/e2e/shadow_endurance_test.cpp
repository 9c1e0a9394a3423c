// Ten thousand mixed exchanges against a target that is killed and comes back all the
// time: each is answered once, nothing unsafe is sent twice, nothing is leaked.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry :
       std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

// A target on a fixed port that dies with all its connections and comes back.
class MortalTarget {
 public:
  MortalTarget() {
    revive();
    port_ = imposter_->port();
    killer_ = std::thread([this] {
      while (!over_) {
        std::this_thread::sleep_for(700ms);
        imposter_.reset();
        std::this_thread::sleep_for(300ms);
        revive();
        ++deaths;
      }
    });
  }
  ~MortalTarget() {
    over_ = true;
    killer_.join();
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  std::map<std::string, int> posts_by_id() {
    const std::lock_guard lock(mutex_);
    return posts_;
  }
  std::atomic<int> deaths{0};

 private:
  void revive() {
    const auto script = [this](int descriptor, int) {
      for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
        if (r.starts_with("POST")) {
          const std::lock_guard lock(mutex_);
          ++posts_[header_of(r, "x-shadowtap")];
        }
        write_all(descriptor, r.starts_with("HEAD")
                                  ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
                                  : ok_response(std::string(r.size(), 'z')));
      }
    };
    imposter_ = std::make_unique<Imposter>(script, "", port_);
  }

  std::mutex mutex_;
  std::map<std::string, int> posts_;
  std::uint16_t port_ = 0;
  std::unique_ptr<Imposter> imposter_;
  std::atomic<bool> over_{false};
  std::thread killer_;
};

TEST(Endurance, TenThousandExchangesAgainstATargetThatKeepsDying) {
  constexpr std::size_t kTotal = 10000;
  MortalTarget mortal;
  Imposter steady(echo);
  const std::size_t descriptors_before = open_descriptors();
  {
    Bench bench;
    bench.select.methods = {"GET", "HEAD", "POST"};
    TargetOptions& target = bench.add(Role::kCandidate, mortal.url());
    target.breaker.open_for = 50ms;
    target.concurrency = 16;
    target.timeout = target.first_byte_timeout = 1s;
    bench.add(Role::kSecondary, steady.url());
    bench.start();
    std::deque<http::Exchange> exchanges;
    const char* const methods[] = {"GET", "POST", "HEAD", "GET"};
    std::size_t accepted = 0;
    for (std::size_t i = 0; i < kTotal; ++i) {
      exchanges.push_back(exchange_of(methods[i % 4], "/" + std::to_string(i), i % 50));
      http::Exchange& exchange = exchanges.back();
      if (i % 4 == 1) {
        exchange.request.body.bytes.assign(i % 3000, 'p');
        exchange.request.body.size = exchange.request.body.bytes.size();
      }
      accepted += bench.dispatcher->submit(exchange).answers();
      if (i % 20 == 19) bench.run_until([] { return false; }, 8ms);
    }
    ASSERT_TRUE(bench.run_until_answers(accepted));
    EXPECT_EQ(accepted, 2 * kTotal);
    EXPECT_EQ(bench.sink.count(), accepted);
    EXPECT_EQ(bench.sink.repeated, 0u);
    EXPECT_GE(mortal.deaths, 2);
    for (const auto& [id, times] : mortal.posts_by_id()) EXPECT_EQ(times, 1) << id;

    // The ledger: what the sink was told is what status counts.
    const TargetStatus status = bench.dispatcher->status()[0];
    std::uint64_t counted = status.answered + status.withdrawn;
    for (const std::uint64_t n : status.errors) counted += n;
    for (const std::uint64_t n : status.refused) counted += n;
    EXPECT_EQ(counted, kTotal);
    EXPECT_GT(status.answered, kTotal / 3);
    EXPECT_GT(status.answered, 0u);
    EXPECT_EQ(status.in_flight, 0u);
    EXPECT_EQ(status.queued, 0u);
    const TargetStatus secondary = bench.dispatcher->status()[1];
    EXPECT_EQ(secondary.errors[static_cast<std::size_t>(http::AnswerError::kReset)], 0u);
    EXPECT_EQ(bench.limits.in_flight(), 0);
    std::size_t answered_late = bench.sink.count();
    bench.run_until([] { return false; }, 100ms);
    EXPECT_EQ(bench.sink.count(), answered_late);
    EXPECT_LT(open_descriptors(), descriptors_before + 120);  // both ends of bounded pools
  }
  EXPECT_LT(open_descriptors(), descriptors_before + 60);
}

std::size_t resident_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoul(line.substr(6));
  }
  return 0;
}

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

TEST(Endurance, MemoryDoesNotGrowWithTheNumberOfExchanges) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  Imposter server(echo);
  Bench bench;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const http::Exchange exchange =
          exchange_of("GET", "/", static_cast<std::uint64_t>(i));  // a connection each
      bench.dispatcher->submit(exchange);
      if (!bench.run_until_answers(1)) return false;
      bench.sink.order.clear();
      bench.sink.outcomes.clear();
    }
    return true;
  };
  ASSERT_TRUE(run(2000));
  const std::size_t before = resident_kilobytes();
  ASSERT_TRUE(run(8000));
  EXPECT_LT(resident_kilobytes(), before + 1024);
}

}  // namespace
}  // namespace shadowtap::shadow::test
