// The marks of results: what a matching exchange costs the control thread, how long the
// largest lists take, and what a million comparisons weigh. Prints one line a mark and
// fails where one is missed. Time is CPU time of this thread: the host may be busy.
#include <malloc.h>
#include <time.h>

#include <cstdio>
#include <functional>

#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using diff::Kind;

bool all_met = true;

double cpu_us() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

double heap_mib() { return static_cast<double>(mallinfo2().uordblks) / (1 << 20); }

void mark(const char* what, double value, double limit, const char* unit) {
  const bool met = value <= limit;
  all_met = all_met && met;
  std::printf("%-62s %9.2f %s (mark %.4g) %s\n", what, value, unit, limit, met ? "ok" : "MISSED");
}

std::unique_ptr<Results> fresh() {
  ResultsOptions options = one_service();
  options.services[0].max_routes = 2000;
  return std::move(*Results::open(options));
}

// 5 path segments, a 64-bit key, latencies on all three sides: what a shard hands over.
Comparison matching(std::uint64_t n) {
  Made made("GET", "/api/v1/shops/" + std::to_string(n % 997) + "/products/" + std::to_string(n),
            kStart + n * 100us, n % 5000 + 1);
  made.candidate({}).secondary({});
  made.comparison.original_hash = n;
  return std::move(made.comparison);
}

void a_matching_exchange() {
  const auto results = fresh();
  constexpr std::uint64_t kN = 200'000;
  std::vector<Comparison> prepared;
  double spent = 0;
  for (std::uint64_t n = 0; n < kN;) {
    prepared.clear();
    for (int i = 0; i < 1000; ++i, ++n) prepared.push_back(matching(n));
    const double before = cpu_us();
    for (Comparison& one : prepared) results->add(std::move(one));
    spent += cpu_us() - before;
  }
  mark("a matching exchange on the control thread", spent / kN, 3, "us");
}

std::string word(std::uint64_t n) {
  std::string text;
  for (int i = 0; i < 4; ++i, n /= 26) text += static_cast<char>('a' + n % 26);
  return text;
}

// 1,000 routes of 200 paths each; every exchange differs at 20 of them.
void the_largest_lists() {
  const double empty = heap_mib();
  const auto results = fresh();
  for (std::uint64_t n = 0; n < 20'000; ++n) {
    const std::uint64_t route = n % 1000;
    Made made("GET", "/" + word(route / 40) + "/" + word(route), kStart + n * 1ms, n + 1);
    std::vector<diff::Difference> all;
    for (std::uint64_t i = 0; i < 20; ++i) {
      const std::uint64_t path = (n / 1000 * 20 + i) % 200;
      all.push_back(differs("$.field_number_" + std::to_string(path), Kind::kValue, "1", "2"));
    }
    made.candidate(all).secondary({});
    results->add(std::move(made.comparison));
  }
  const auto timed = [](const std::function<void()>& ask) {
    ask();
    const double before = cpu_us();
    for (int i = 0; i < 5; ++i) ask();
    return (cpu_us() - before) / 5 / 1000;
  };
  const auto rows = results->endpoints("", "", 1000).rows;
  std::size_t fields = 0;
  mark("endpoints: 1,000 routes x 200 paths",
       timed([&] { fields = results->endpoints("", "", 1000).rows.size(); }), 20, "ms");
  std::printf("  %zu routes\n", fields);
  mark("fields of one of them", timed([&] { fields = results->fields(rows[500].id, "", 1000)->rows.size(); }),
       20, "ms");
  std::printf("  %zu fields; verdict %.2f ms; samples included: %.1f MiB\n", fields,
              timed([&] { (void)results->verdict("", {}, {}); }), heap_mib() - empty);
}

// A million comparisons over 200 routes, one in ten differing at 3 of 50 paths.
void a_million_comparisons() {
  const double empty = heap_mib();
  ResultsOptions options = one_service();
  options.store.samples = 0;  // counters only
  const auto results = std::move(*Results::open(options));
  for (std::uint64_t n = 0; n < 1'000'000; ++n) {
    Made made("GET", "/" + word(n % 20) + "/" + word(n % 200) + "/" + std::to_string(n), kStart + n * 1ms,
              n % 100'000 + 1);
    std::vector<diff::Difference> all;
    for (std::uint64_t i = 0; n % 10 == 0 && i < 3; ++i) {
      all.push_back(differs("$.f" + std::to_string((n / 10 * 3 + i) % 50), Kind::kValue,
                            std::to_string(n), "2"));
    }
    made.candidate(all).secondary({});
    results->add(std::move(made.comparison));
  }
  mark("1,000,000 comparisons as counters", heap_mib() - empty, 64, "MiB");
}

}  // namespace
}  // namespace shadowtap::results::test

int main() {
  using namespace shadowtap::results::test;
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  a_matching_exchange();
  the_largest_lists();
  a_million_comparisons();
  return all_met ? 0 : 1;
}
