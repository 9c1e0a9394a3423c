// The long form: prints the tables of agent/results/README.md as Markdown.
// simulate [runs] [stalls]
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "tests/simulator/trials.h"

namespace {

using namespace shadowtap;
using namespace shadowtap::simulator;

std::string percent(std::size_t n, std::size_t of) {
  return fmt::format("{:.1f} % ({}/{})", 100.0 * static_cast<double>(n) / static_cast<double>(of), n, of);
}

void print_alarms(const char* name, const MakeWorld& make, const Trial& run) {
  const Alarms a = false_alarms(make, run);
  fmt::print("| {} | {} | {} | {} | {} | {} |\n", name, run.exchanges, run.alpha, percent(a.ours, a.runs),
             run.diffy ? percent(a.diffy_ever, a.runs) : "–", percent(a.diffy_end, a.runs));
  std::fflush(stdout);
}

void print_stalls(std::size_t runs) {
  struct Row {
    Stalls stalls;
    std::size_t hours;
  };
  const Row rows[] = {{{60, .8}, 1}, {{60, 10}, 1}, {{60, 30}, 1}, {{60, 60}, 1}, {{300, 10}, 8}, {{300, 60}, 8}};
  fmt::print("\n| stalls on both sides, alpha 0.05 | any | errors | slower | tail | net test at 1 % |\n"
             "|---|---|---|---|---|---|\n");
  for (const auto& [stalls, hours] : rows) {
    const StallAlarms a = stall_alarms(stalls, hours * 3600, .05, runs);
    fmt::print("| up to {} s, each {:.0f} s, for {} h | {} | {} | {} | {} | {} |\n", stalls.longest, stalls.every,
               hours, percent(a.any, runs), percent(a.of[0], runs), percent(a.of[1], runs),
               percent(a.of[2], runs), percent(a.net, runs));
    std::fflush(stdout);
  }
}

void print_pace_detection(std::size_t runs) {
  struct Row {
    const char* name;
    results::PaceTest test;
    PaceWorld world;
  };
  using results::PaceTest;
  const Row rows[] = {
      {"every request fails", PaceTest::kErrors, {.candidate_errors = 1}},
      {"5 % fail", PaceTest::kErrors, {.candidate_errors = .05}},
      {"0.5 % fail", PaceTest::kErrors, {.candidate_errors = .005}},
      {"0.1 % fail", PaceTest::kErrors, {.candidate_errors = .001}},
      {"2 % fail, 1 % of the control's", PaceTest::kErrors, {.candidate_errors = .02, .control_errors = .01}},
      {"2 x slower", PaceTest::kSlower, {.slower = 2}},
      {"1.5 x slower", PaceTest::kSlower, {.slower = 1.5}},
      {"5 % take 200 ms", PaceTest::kTail, {.slow_share = .05}},
      {"1 % take 200 ms", PaceTest::kTail, {.slow_share = .01}},
  };
  fmt::print("\n| lasting, 20 exchanges a second, alpha 0.01 | test | found within two hours | after, median |"
             " net test at 1 % says fail |\n|---|---|---|---|---|\n");
  for (const Row& row : rows) {
    const PaceDetection d = pace_detection(row.world, row.test, 7200, runs);
    fmt::print("| {} | {} | {} | {} | {} |\n", row.name, to_string(row.test), percent(d.found, runs),
               d.median_seconds ? fmt::format("{:.0f} s", *d.median_seconds) : "–",
               row.test == PaceTest::kErrors ? percent(d.by_net, runs) : "–");
    std::fflush(stdout);
  }
}

void print_detection(std::size_t runs) {
  fmt::print("\n| planted | under noise 0 % | 2 % | 20 % | 60 % |\n|---|---|---|---|---|\n");
  for (const double planted : {.001, .01, .05, .5}) {
    fmt::print("| {:.4g} %", 100 * planted);
    for (const double under : {0.0, .02, .2, .6}) {
      const Detection d = time_to_detect(planted, under, {.exchanges = 30'000, .runs = runs});
      fmt::print(" | {}; found {} %, Diffy {} %", d.median ? fmt::format("{}", *d.median) : "> 30000",
                 100 * d.found / d.runs, 100 * d.diffy_found / d.runs);
    }
    fmt::print(" |\n");
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t runs = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100;
  if (argc > 2 && std::string_view(argv[2]) == "stalls") {
    print_stalls(runs);
    print_pace_detection(runs / 5 + 1);
    return 0;
  }
  fmt::print("| world, no true difference | exchanges | alpha | ours, ever | Diffy, ever | Diffy, at the end |\n"
             "|---|---|---|---|---|---|\n");
  print_alarms("200 paths of mixed noise", [](auto s) { return mixed_world(s, {}); },
               {.alpha = .01, .runs = runs});
  print_alarms("200 paths of mixed noise", [](auto s) { return mixed_world(s, {}); },
               {.alpha = .05, .runs = runs, .diffy = false});
  print_alarms("drifting content, fair order", [](auto s) { return drifting_world(s, true); },
               {.alpha = .05, .runs = runs, .diffy = true});
  print_alarms("drifting content, secondary always first", [](auto s) { return drifting_world(s, false); },
               {.alpha = .05, .runs = runs, .diffy = true});
  print_alarms("answers cached for a minute, 20 keys", [](auto s) { return cached_world(s); },
               {.exchanges = 60'000, .alpha = .05, .runs = runs, .diffy = true});
  print_alarms("a cache shared by both copies", [](auto s) { return shared_cache_world(s); },
               {.alpha = .05, .runs = runs, .diffy = true});
  print_alarms("drift and unequal skew", [](auto s) { return skewed_world(s); },
               {.alpha = .05, .runs = runs, .diffy = true});
  print_stalls(runs);
  print_pace_detection(runs / 5 + 1);

  fmt::print("\nExchanges until a planted difference is found (median of {} runs, alpha 0.01, weight of the "
             "128th path):\n", runs);
  print_detection(runs);

  const Passes p = false_passes(.02, .01, 10'000, runs * 10);
  fmt::print("\nA true 2 % at a limit of 1 %, asked after each of 10,000 exchanges: passed ever in {}; by the "
             "plain ratio from 200 on in {}; failed in {}.\nA clean candidate passes after {} exchanges.\n",
             percent(p.ours, p.runs), percent(p.plain_ratio, p.runs), percent(p.failed, p.runs),
             exchanges_to_pass(.01));
  return 0;
}
