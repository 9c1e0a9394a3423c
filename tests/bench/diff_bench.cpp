// The marks of the diff engine, each beside the parse it is measured against.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include "diff/json_document.h"
#include "diff/response_diff.h"
#include "tests/bench/diff_documents.h"

namespace shadowtap::diff {
namespace {

ResponseView body_of(const std::string& body) {
  ResponseView view;
  view.body = body;
  return view;
}

void compare_bodies(benchmark::State& state, const std::string& left, const std::string& right,
                    std::size_t expected) {
  const auto rules = RuleSet::none();
  for (auto _ : state) {
    const Differences d = compare(body_of(left), body_of(right), *rules);
    if (d.all.size() != expected) state.SkipWithError("another number of differences");
    benchmark::DoNotOptimize(d.equal);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(left.size()));
}

void parse(benchmark::State& state, const std::string& text) {
  JsonDocument document;
  for (auto _ : state) benchmark::DoNotOptimize(document.parse(text, 1'000'000));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void simdjson_parse(benchmark::State& state, const std::string& text) {
  simdjson::dom::parser parser;
  const simdjson::padded_string padded(text);
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(padded).error());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

const std::string kApi = bench::api_document("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z");
const std::string kApiLater =
    bench::api_document("2026-01-02T03:04:06Z", "2026-01-02T03:04:06Z");
const std::string kExact =
    bench::api_document("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z", true);
const std::string kExactLater =
    bench::api_document("2026-01-02T03:04:06Z", "2026-01-02T03:04:06Z", true);
const std::string kArray = bench::array_document(1000, false);
const std::string kArrayInserted = bench::array_document(1000, true);

void EqualBytes(benchmark::State& state) {
  const std::string copy = kApi;
  compare_bodies(state, kApi, copy, 0);
}
BENCHMARK(EqualBytes);

void TwoTimestamps(benchmark::State& state) { compare_bodies(state, kApi, kApiLater, 2); }
BENCHMARK(TwoTimestamps);

void TwoTimestampsExactNumbers(benchmark::State& state) {
  compare_bodies(state, kExact, kExactLater, 2);
}
BENCHMARK(TwoTimestampsExactNumbers);

void InsertedAtTheFrontOf1000(benchmark::State& state) {
  compare_bodies(state, kArray, kArrayInserted, 1);
}
BENCHMARK(InsertedAtTheFrontOf1000);

void ParseApi(benchmark::State& state) { parse(state, kApi); }
BENCHMARK(ParseApi);
void SimdjsonParseApi(benchmark::State& state) { simdjson_parse(state, kApi); }
BENCHMARK(SimdjsonParseApi);
void ParseArray(benchmark::State& state) { parse(state, kArray); }
BENCHMARK(ParseArray);
void SimdjsonParseArray(benchmark::State& state) { simdjson_parse(state, kArray); }
BENCHMARK(SimdjsonParseArray);

}  // namespace
}  // namespace shadowtap::diff

BENCHMARK_MAIN();
