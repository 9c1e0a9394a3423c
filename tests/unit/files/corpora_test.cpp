// Real captures, beside what another dissector saw in them (a second opinion).
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "agent/assembly.h"
#include "agent/files/capture_file.h"
#include "tests/support/golden.h"
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

// Why an exchange that the other dissector saw is not one of ours.
const std::map<std::string, const char*> kReasons = {
    {"syntax", "a start line or header that RFC 9112 does not allow: clients disagree about it"},
    {"ambiguous framing", "RFC 9112 section 6.3: no certain length, so no certain next message"},
    {"bad chunk", "RFC 9112 section 7.1: clients disagree about where this body ends"},
    {"http/0.9", "an answer without a head: nothing to compare"},
    {"not http", "the answer's first line is no status line"},
    {"gap", "bytes are missing from the capture"},
    {"no request seen", "the request is not in the capture, or was not one"},
    {"out of step", "behind a message that could not be framed"},
    {"closed", "the connection ended before the announced length"},
    {"reset", "the connection ended before the announced length"},
    {"no answer in time", "the answer is not in the capture"},
    {"unexpected response", "made by hand: acknowledgments say it came before its request"},
    {"end of input", "the capture ends before the message does"},
};

// Where we see more, or other, requests or answers than the other dissector.
const std::map<std::string, const char*> kOurs = {
    {"http-connect__http-connect-fragmented.pcap", "the GET is inside the tunnel"},
    {"http-connect__http-connect-simple.pcap", "the GET is inside the tunnel"},
    {"http-gap-beyond-body.pcap", "the third exchange is whole behind the gap"},
    {"http-gap-double.pcap", "the third exchange is whole behind the gap"},
    {"http-gap-simple.pcap", "the third exchange is whole behind the gap"},
    {"http-gap-whole-body.pcap", "the second and third are whole behind the gap"},
    {"http-pipeline-files-with-gap.pcap", "the length was announced before the gap"},
    {"http-evader__http-evader-067.pcap", "a coding that is not chunked: until the end"},
    {"http-evader__http-evader-480.pcap", "empty lines before a status line are passed over"},
    {"http-evader__http-evader-489.pcap", "line breaks before a status line are passed over"},
    {"http-evader__http-evader-490.pcap", "line breaks before a status line are passed over"},
    {"http-evader__http-evader-492.pcap", "line breaks before a status line are passed over"},
    {"http-evader__http-evader-493.pcap", "line breaks before a status line are passed over"},
    {"http-evader__http-evader-495.pcap", "line breaks before a status line are passed over"},
};

std::vector<std::string> split(std::string_view list) {
  std::vector<std::string> out;
  while (true) {
    const std::size_t comma = list.find(',');
    out.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return out;
    list.remove_prefix(comma + 1);
  }
}

std::string text(const json::object& one, const char* key) {
  const json::value* const value = one.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// The index joins what stood in one packet with commas.
std::multiset<std::string> their_requests(const json::object& entry) {
  std::multiset<std::string> requests;
  for (const auto& one : entry.at("requests").as_array()) {
    const auto methods = split(text(one.as_object(), "method"));
    const std::string uri = text(one.as_object(), "uri");
    const auto uris = methods.size() > 1 ? split(uri) : std::vector<std::string>{uri};
    for (std::size_t i = 0; i < methods.size() && i < uris.size(); ++i) {
      requests.insert(methods[i] + " " + uris[i]);
    }
  }
  return requests;
}

std::size_t their_answers(const json::object& entry) {
  std::size_t count = 0;
  for (const auto& one : entry.at("responses").as_array()) {
    for (const std::string& status : split(text(one.as_object(), "status"))) {
      const bool interim = status.size() == 3 && status[0] == '1' && status != "101";
      if (!interim) ++count;
    }
  }
  return count;
}

struct Outcome {
  std::size_t complete = 0;
  std::multiset<std::string> requests;
  std::vector<std::string> reasons;  // one for each thing lost or not paired
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
    EXPECT_LT(assembly.held_bytes(), 16U << 20) << path;
  }
  assembly.flush(last);
  EXPECT_EQ(assembly.held_bytes(), 0U) << path;
  EXPECT_EQ(sink.complete() + sink.lost(), sink.seen.size()) << path;
  Outcome outcome{sink.complete(), {}, {}, sink.lines()};
  if (assembly.http_events().value(http::ConversationEvent::kNotHttp) > 0) {
    outcome.reasons.push_back("not http");
  }
  for (const auto& [id, seen] : sink.seen) {
    const http::Request& request = seen.exchange.request;
    outcome.requests.insert(request.method + " " + request.target);
    if (!seen.lost.empty()) outcome.reasons.push_back(seen.lost);
  }
  for (const std::string& line : sink.unpaired_lines) {
    outcome.reasons.push_back(line.substr(line.find(": ") + 2));
  }
  return outcome;
}

void compare(const std::string& name, const json::object& entry, const Outcome& outcome) {
  const std::multiset<std::string> requests = their_requests(entry);
  const std::size_t answers = their_answers(entry);
  std::string report = name + ": theirs " + std::to_string(requests.size()) + "/" +
                       std::to_string(answers) + ", ours " +
                       std::to_string(outcome.requests.size()) + "/" +
                       std::to_string(outcome.complete);
  for (const std::string& line : outcome.lines) report += "\n  " + escaped(line).substr(0, 100);
  for (const std::string& reason : outcome.reasons) {
    EXPECT_TRUE(kReasons.contains(reason)) << report << "\n  no reason known: " << reason;
  }
  if (kOurs.contains(name)) return;
  const bool all = outcome.requests == requests && outcome.complete == answers;
  EXPECT_TRUE(all || !outcome.reasons.empty()) << report;
  EXPECT_LE(outcome.complete, answers) << report;
  EXPECT_TRUE(std::includes(requests.begin(), requests.end(), outcome.requests.begin(),
                            outcome.requests.end()))
      << report;
}

TEST(Corpora, EveryCaptureIsAccountedFor) {
  if (!std::filesystem::exists(kFolder)) GTEST_SKIP() << "no captures at " << kFolder;
  const json::object index = read_index();
  ASSERT_GT(index.size(), 600U);
  std::size_t complete = 0;
  std::size_t theirs = 0;
  for (const auto& [name, entry] : index) {
    const Outcome outcome = play(kFolder / std::string(name), ports_of(entry.as_object()));
    compare(std::string(name), entry.as_object(), outcome);
    complete += outcome.complete;
    theirs += their_answers(entry.as_object());
  }
  std::printf("%zu captures: %zu answers seen by the other dissector, %zu exchanges complete\n",
              index.size(), theirs, complete);
}

}  // namespace
}  // namespace shadowtap::testing
