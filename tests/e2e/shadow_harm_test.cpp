// What shadows may do wrong to what they copy: overtake it, or slow it down.
#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <map>
#include <mutex>
#include <thread>

#include "tests/e2e/shadow_fixture.h"

namespace shadowtap::shadow::test {
namespace {

using namespace std::chrono_literals;

// Keeps values by path. A PUT takes a while before it shows.
class SlowStore {
 public:
  void operator()(int descriptor, int) {
    for (std::string r = read_request(descriptor); !r.empty(); r = read_request(descriptor)) {
      const std::string path = r.substr(4, r.find(" HTTP") - 4);
      if (r.starts_with("PUT")) std::this_thread::sleep_for(15ms);
      std::string value;
      {
        const std::lock_guard lock(mutex_);
        if (r.starts_with("PUT")) values_[path] = r.substr(r.find("\r\n\r\n") + 4);
        value = values_[path];
      }
      write_all(descriptor, ok_response(value));
    }
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> values_;
};

// A write by one client and, after it had ended, a read by another: how many reads
// answer with what was not written yet.
int stale_reads(Order order) {
  SlowStore store;
  Imposter server([&](int descriptor, int number) { store(descriptor, number); });
  Bench bench;
  bench.select.methods = {"GET", "PUT"};
  bench.dispatch.order = order;
  bench.add(Role::kCandidate, server.url());
  bench.start();
  std::deque<http::Exchange> exchanges;
  const int pairs = 40;
  const auto ends = [&](http::Exchange& exchange) {
    exchange.original.emplace().status = 200;
    exchange.response_last = Time::clock::now();
    bench.dispatcher->original_ended(exchange, true);
  };
  for (std::uint64_t i = 0; i < pairs; ++i) {
    const std::string path = "/" + std::to_string(i);
    http::Exchange& put = exchanges.emplace_back(exchange_of("PUT", path, 2 * i));
    put.request.body = {"value" + path, 5 + path.size(), {}};
    EXPECT_TRUE(bench.dispatcher->submit(put).candidate);
    ends(put);
    http::Exchange& get = exchanges.emplace_back(exchange_of("GET", path, 2 * i + 1));
    EXPECT_TRUE(bench.dispatcher->submit(get).candidate);
    ends(get);
    bench.run_until([] { return false; }, 4ms);
  }
  EXPECT_TRUE(bench.run_until_answers(2 * pairs));
  int stale = 0;
  for (std::size_t i = 1; i < exchanges.size(); i += 2) {
    const std::string& path = exchanges[i].request.target;
    stale += bench.sink.answer(exchanges[i].id).response.body.bytes != "value" + path;
  }
  return stale;
}

TEST(Harm, AWriteThenReadMiscomparesUnderNoneAndNotUnderHappensBefore) {
  EXPECT_GT(stale_reads(Order::kNone), 10);
  EXPECT_EQ(stale_reads(Order::kHappensBefore), 0);
}

// A service whose requests and whose shadows want the same lock.
class LockedService {
 public:
  LockedService() {
    for (int i = 0; i < 4; ++i) clients_.emplace_back([this] { client(); });
  }
  ~LockedService() {
    over_ = true;
    for (std::thread& client : clients_) client.join();
  }
  void shadow(int descriptor, int) {
    while (!read_request(descriptor).empty()) {
      {
        const std::lock_guard lock(shared_);
        std::this_thread::sleep_for(15ms);
      }
      write_all(descriptor, ok_response(""));
    }
  }
  std::vector<Duration> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(latencies_, {});
  }

 private:
  void client() {
    while (!over_) {
      const Time start = Time::clock::now();
      {
        const std::lock_guard lock(shared_);
        std::this_thread::sleep_for(200us);
      }
      {
        const std::lock_guard lock(mutex_);
        latencies_.push_back(Time::clock::now() - start);
      }
      std::this_thread::sleep_for(6ms);
    }
  }

  std::mutex shared_;
  std::mutex mutex_;
  std::vector<Duration> latencies_;
  std::atomic<bool> over_{false};
  std::vector<std::thread> clients_;
};

struct Watched {
  int sent = 0;
  int guarded = 0;
  std::vector<Duration> latencies;

  double p90_ms() {
    std::sort(latencies.begin(), latencies.end());
    return static_cast<double>(latencies[latencies.size() * 9 / 10].count()) / 1e6;
  }
};

// Lets the service run for so long, with everything it does shadowed.
Watched watch(Bench& bench, LockedService& service, std::deque<http::Exchange>& kept,
              Duration time) {
  Watched watched;
  const Time end = Time::clock::now() + time;
  bench.run_until(
      [&] {
        for (const Duration latency : service.take()) {
          kept.push_back(exchange_of("GET", "/", kept.size()));
          const Submitted submitted = bench.dispatcher->submit(kept.back());
          watched.sent += submitted.candidate;
          watched.guarded += submitted.skipped == http::Skipped::kGuard;
          bench.dispatcher->observe(latency, 200, Time::clock::now());
          watched.latencies.push_back(latency);
        }
        return Time::clock::now() > end;
      },
      time + 1s);
  return watched;
}

TEST(Harm, TheGuardLowersTheRateWhenShadowsSlowTheServiceDown) {
  LockedService service;
  Imposter server([&](int descriptor, int number) { service.shadow(descriptor, number); });
  Bench bench;
  bench.dispatch.order = Order::kNone;
  bench.dispatch.impact.on = false;
  bench.add(Role::kCandidate, server.url()).concurrency = 4;
  bench.start();
  std::deque<http::Exchange> kept;
  bench.dispatcher->set_paused(true);
  Watched alone = watch(bench, service, kept, 2s);
  bench.dispatcher->set_paused(false);
  Watched hurt = watch(bench, service, kept, 2s);
  Watched later;
  for (int i = 0; i < 20 && bench.dispatcher->effective_sample() > 10; ++i) {
    later = watch(bench, service, kept, 1s);
  }
  EXPECT_LE(bench.dispatcher->effective_sample(), 10);
  EXPECT_GT(hurt.sent, 0);
  later = watch(bench, service, kept, 1s);
  EXPECT_GT(later.guarded, 0);
  EXPECT_GT(hurt.p90_ms(), 2 * alone.p90_ms());
  EXPECT_LT(later.p90_ms(), hurt.p90_ms() / 2) << "the service has not recovered";
  bench.dispatcher->stop();
}

}  // namespace
}  // namespace shadowtap::shadow::test
