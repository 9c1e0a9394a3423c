#include "tests/support/recorder.h"

#include <gtest/gtest.h>

namespace shadowtap::testing {

void Recorder::opened(http::Exchange exchange) {
  const auto id = exchange.id;
  const bool fresh = seen.emplace(id, Seen{std::move(exchange), {}}).second;
  EXPECT_TRUE(fresh) << "opened twice: " << id;
}

void Recorder::completed(http::ExchangeId id, http::Response original, Time first, Time last) {
  const auto found = seen.find(id);
  ASSERT_NE(found, seen.end()) << "completed without opened";
  EXPECT_FALSE(found->second.exchange.original) << "completed twice";
  EXPECT_EQ(found->second.lost, "") << "completed after lost";
  found->second.exchange.original = std::move(original);
  found->second.exchange.response_first = first;
  found->second.exchange.response_last = last;
  ++complete_;
}

void Recorder::lost(http::ExchangeId id, http::OriginalLoss, const char* detail) {
  const auto found = seen.find(id);
  ASSERT_NE(found, seen.end()) << "lost without opened";
  EXPECT_FALSE(found->second.exchange.original) << "lost after completed";
  EXPECT_EQ(found->second.lost, "") << "lost twice";
  found->second.lost = detail;
  ++lost_;
}

void Recorder::incident(const http::Incident& incident) {
  using Of = http::Incident::Of;
  if (incident.of == Of::kRequest) unpaired_lines.push_back(std::string("request: ") + incident.reason);
  if (incident.of == Of::kResponse) unpaired_lines.push_back(std::string("response: ") + incident.reason);
}

std::vector<std::string> Recorder::lines() const {
  std::vector<std::string> lines;
  for (const auto& [id, one] : seen) {
    const http::Exchange& e = one.exchange;
    std::string line = e.request.method + " " + e.request.target;
    if (!e.request.body.bytes.empty()) line += " {" + e.request.body.bytes + "}";
    if (e.original) {
      line += " -> " + std::to_string(e.original->status) + " [" + e.original->body.bytes + "]";
    } else {
      line += one.lost.empty() ? " open" : " lost: " + one.lost;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

void run(const std::vector<Packet>& packets, http::ExchangeSink& sink, AssemblyOptions options) {
  options.first_exchange = 1;
  Assembly assembly(options, sink);
  Time last{};
  for (const Packet& packet : packets) {
    const net::Segment segment = packet.segment();
    assembly.tick(segment.time);
    assembly.segment(segment);
    last = segment.time;
  }
  assembly.flush(last);
  EXPECT_EQ(assembly.held_bytes(), 0U);
  EXPECT_EQ(assembly.connections(), 0U);
}

}  // namespace shadowtap::testing
