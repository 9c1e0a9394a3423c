// One thread's straight line: segments in, comparisons out.
//
// source → Assembly → exchanges → Dispatcher → answers → comparison → hand-over.
// A shard shares nothing with other shards. Draining its source comes before all
// else: a slow target or a large diff may delay comparisons, never the capture.
//
// Threads: run() on its own thread; start(), stop() and the readers from the control
// thread; everything else through post().
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/assembly.h"
#include "agent/base/handoff.h"
#include "agent/compare_stage.h"
#include "agent/exchange_table.h"
#include "agent/http/sink.h"
#include "agent/ledger.h"
#include "agent/net/segment_source.h"
#include "agent/results/comparison.h"
#include "agent/shadow/dispatcher.h"

namespace shadowtap {

class CompareWorker;

struct ShardServiceOptions {
  std::string name;
  Duration original_timeout = std::chrono::seconds(30);
  Duration max_skew = std::chrono::milliseconds(5);
  bool keep_bodies = false;  // of matching exchanges too
  std::string cluster_header;
};

struct ShardOptions {
  std::size_t index = 0;
  AssemblyOptions assembly;
  Duration to_wall{};  // added to the source's times gives wall time
  std::vector<ShardServiceOptions> services;
  std::size_t max_exchange_bytes = 128 << 20;  // open exchanges and hand-over
  std::size_t hand_over = 8192;                // comparisons queued for results
  std::size_t inline_compare_bytes = 256 << 10;  // larger comparisons go to the worker
};

class Shard : private http::ExchangeSink, private shadow::AnswerSink {
 public:
  // By pointer: thousands of comparisons side by side would fill a cache.
  using Output = Handoff<std::unique_ptr<results::Comparison>>;

  // `source` outlives the shard. `wake_results` is called on the shard's thread when
  // results had found output() empty, a hundred times a second at most.
  Shard(ShardOptions options, net::SegmentSource& source, CompareWorker* worker,
        std::function<void()> wake_results);
  ~Shard() override;

  // Before run(), for each service in order.
  boost::asio::io_context& io() { return io_; }
  shadow::AnswerSink& answers() { return *this; }
  http::ExchangeSink& exchanges() { return *this; }  // shard's thread; for recordings
  void add_service(std::unique_ptr<shadow::Dispatcher> dispatcher,
                   std::shared_ptr<const CompareRules> rules);

  // Until stop() (or the source's end and the last exchange's). Then what is open ends as
  // not_comparable{shutting_down}.
  void run();
  void stop();
  bool finished() const { return finished_.load(); }

  // Runs `work` on the shard's thread.
  void post(std::function<void(Shard&)> work);
  shadow::Dispatcher& dispatcher(std::size_t service);  // shard's thread
  void set_rules(std::size_t service, std::shared_ptr<const CompareRules> rules);
  void set_keep_bodies(std::size_t service, bool keep) { services_[service]->options.keep_bodies = keep; }
  void set_original_timeout(std::size_t service, Duration timeout) {
    services_[service]->options.original_timeout = timeout;
    assembly_.wait_for_responses(timeout);
  }
  // Of originals and their requests that begin from now on; never less than before.
  void keep_bodies_up_to(std::size_t bytes) { assembly_.keep_bodies_up_to(bytes); }

  // Sends a kept exchange once more and compares the answers with its original, outside
  // the ledger. `done` is called on the shard's thread, exactly once.
  using Resent = std::function<void(Result<results::Comparison>)>;
  void resend(http::Exchange exchange, Resent done);
  // The same to the candidate alone, for noise.resend: under the rules of live traffic.
  void repeat(http::Exchange exchange, Resent done);

  Output& output() { return output_; }
  void released(std::size_t bytes) { handed_over_.fetch_sub(bytes, std::memory_order_relaxed); }

  const Ledger& ledger(std::size_t service) const { return services_[service]->ledger; }
  const Assembly& assembly() const { return assembly_; }
  std::uint64_t open_connections(std::size_t service) const {
    return services_[service]->open_connections.load(std::memory_order_relaxed);
  }

 private:
  struct Service {
    ShardServiceOptions options;
    std::unique_ptr<shadow::Dispatcher> dispatcher;
    std::shared_ptr<const CompareRules> rules;
    Ledger ledger;
    std::atomic<std::uint64_t> open_connections{0};
  };

  // http::ExchangeSink
  void opened(http::Exchange exchange) override;
  void completed(http::ExchangeId id, http::Response original, Time first_byte,
                 Time last_byte) override;
  void lost(http::ExchangeId id, http::OriginalLoss loss, const char* detail) override;
  bool needs_rest_of_request() override;
  bool needs_rest_of_original(http::ExchangeId id) override;

  // shadow::AnswerSink
  void answered(http::ExchangeId id, shadow::Role role, shadow::TargetOutcome outcome) override;

  void send(OpenExchange& open);
  void original_over(OpenExchange& open);
  void settle(OpenExchange& open);
  static std::optional<results::Ending> ending_of(Slot& slot);
  CompareJob job_of(OpenExchange& open);
  void compare(OpenExchange& open);
  using SendAgain = shadow::Submitted (shadow::Dispatcher::*)(const http::Exchange&);
  void send_again(http::Exchange exchange, SendAgain way, Resent done);
  void settle_resend(OpenExchange& open);
  http::Exchange take_exchange(OpenExchange& open);
  void count(Ledger& ledger, const results::Ending& ending);
  void count(Ledger& ledger, const results::Comparison& comparison);
  void report(results::Comparison comparison);
  void wake_results_if_due(Time now);
  void wind_down(const std::function<void(const net::Segment&)>& take);
  bool unreported();
  void end(OpenExchange& open);
  void end_all();

  void tick(Time now);
  bool at_once(std::size_t drained, std::size_t handled) const;
  void sleep(Time now);
  void nap(Time until);
  void watch_source();
  bool work_left() const;
  bool awaits_answers() const;

  ShardOptions options_;
  net::SegmentSource& source_;
  CompareWorker* worker_;
  std::function<void()> wake_results_;
  boost::asio::io_context io_{1};
  std::vector<std::unique_ptr<Service>> services_;
  ExchangeTable table_;
  Output output_;
  Assembly assembly_;
  std::atomic<std::size_t> handed_over_{0};
  http::ExchangeId next_resend_ = 0;
  std::size_t comparing_ = 0;  // jobs at the worker
  std::atomic<bool> stopping_{false};
  std::atomic<bool> finished_{false};
  Time now_;         // of this turn of the loop
  Time last_record_;
  Time next_tick_;
  bool results_sleep_ = false;  // with something for them in output_
  Time next_wake_;
  std::optional<boost::asio::posix::stream_descriptor> watch_;  // the source's own; none: a file
  bool watching_ = false;
};

}  // namespace shadowtap
