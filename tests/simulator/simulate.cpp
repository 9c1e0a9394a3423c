// The long form: prints the tables of agent/results/README.md as Markdown.
// simulate [runs] [stalls]
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "tests/simulator/trials.h"

namespace {

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
  for (const double longest : {.8, 10.0, 30.0}) {
    fmt::print("\nStalls of up to {} s on both sides, one hour, alpha 0.05: errors, slower or tail ever proven "
               "in {} of runs.\n", longest, percent(stall_alarms(runs, 3600, .05, longest), runs));
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
