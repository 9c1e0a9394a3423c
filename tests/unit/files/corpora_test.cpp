// Real captures, beside what another dissector saw in them (a second opinion).
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "agent/assembly.h"
#include "agent/files/capture_file.h"
#include "tests/support/recorder.h"

namespace shadowtap::testing {
namespace {

namespace json = boost::json;
const std::filesystem::path kFolder = "../shared/corpora/suricata-verify";

json::object read_index() {
  std::ifstream in(kFolder / "INDEX.json");
  std::stringstream text;
  text << in.rdbuf();
  return json::parse(text.str()).as_object();
}

std::vector<std::uint16_t> ports_of(const json::object& entry) {
  std::set<std::uint16_t> ports;
  for (const char* list : {"requests", "responses"}) {
    for (const auto& one : entry.at(list).as_array()) {
      ports.insert(static_cast<std::uint16_t>(one.at("port").as_int64()));
    }
  }
  if (ports.empty()) ports.insert(80);
  return {ports.begin(), ports.end()};
}

struct Outcome {
  std::size_t opened = 0;
  std::size_t complete = 0;
  std::vector<std::string> requests;
  std::vector<std::string> lines;
};

Outcome play(const std::filesystem::path& path, const std::vector<std::uint16_t>& ports) {
  Recorder sink;
  auto file = files::CaptureFile::open(path, {ports});
  EXPECT_TRUE(file) << path;
  if (!file) return {};
  AssemblyOptions options;
  options.first_exchange = 1;
  Assembly assembly(options, sink);
  net::Segment segment;
  Time last{};
  while (file.value()->next(segment) == files::CaptureFile::Read::kSegment) {
    assembly.tick(segment.time);
    assembly.segment(segment);
    last = segment.time;
    EXPECT_LT(assembly.held_bytes(), 64U << 20);
  }
  assembly.flush(last);
  EXPECT_EQ(assembly.held_bytes(), 0U) << path;
  Outcome outcome{sink.seen.size(), sink.complete(), {}, sink.lines()};
  EXPECT_EQ(sink.complete() + sink.lost(), sink.seen.size()) << path;
  for (const auto& [id, seen] : sink.seen) {
    outcome.requests.push_back(seen.exchange.request.method + " " + seen.exchange.request.target);
  }
  for (const auto& line : sink.unpaired_lines) outcome.lines.push_back("unpaired " + line);
  return outcome;
}

TEST(Corpora, EveryCaptureIsAccountedFor) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no captures at " << kFolder;
  const json::object index = read_index();
  ASSERT_GT(index.size(), 600U);
  for (const auto& [name, entry] : index) {
    const Outcome outcome = play(kFolder / std::string(name), ports_of(entry.as_object()));
    std::size_t theirs = 0;
    std::vector<std::string> requests;
    for (const auto& r : entry.at("requests").as_array()) {
      const auto& o = r.as_object();
      requests.push_back(std::string(o.at("method").is_string() ? o.at("method").as_string().c_str() : "?") + " " +
                         (o.contains("uri") && o.at("uri").is_string() ? o.at("uri").as_string().c_str() : "?"));
      ++theirs;
    }
    const std::size_t responses = entry.at("responses").as_array().size();
    auto ours = outcome.requests;
    std::sort(ours.begin(), ours.end());
    std::sort(requests.begin(), requests.end());
    if (ours != requests || outcome.complete != responses) {
      std::printf("%s theirs %zu/%zu ours %zu/%zu\n", std::string(name).c_str(), theirs, responses,
                  outcome.opened, outcome.complete);
      for (const auto& line : outcome.lines) std::printf("    %s\n", line.substr(0, 150).c_str());
      if (ours != requests) for (const auto& r : requests) std::printf("    theirs: %s\n", r.substr(0, 100).c_str());
    }
  }
}

}  // namespace
}  // namespace shadowtap::testing
