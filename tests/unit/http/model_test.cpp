// Random exchanges on random legal wires come out as they went in; with loss, every pair
// told is one that was sent.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/model.h"
#include "tests/support/recorder.h"

namespace shadowtap::testing {
namespace {

constexpr std::uint64_t kSeeds = 4000;

std::string lines_of(const http::HeaderList& list) {
  std::string out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    out += std::string(list.name(i)) + ": " + std::string(list.value(i)) + "\n";
  }
  return out;
}

std::string normal_form(const http::Request& r) {
  return r.method + " " + r.target + "\n" + lines_of(r.headers) + "\n" + r.body.bytes + "\n" +
         lines_of(r.trailers);
}

std::string normal_form(const http::Response& r) {
  return std::to_string(r.status) + "\n" + lines_of(r.headers) + "\n" + r.body.bytes + "\n" +
         lines_of(r.trailers);
}

TEST(Model, WhateverTheWireDoesTheExchangesAreTheSame) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Model model(seed, {});
    Recorder sink;
    run(model.interleaved(), sink);
    std::map<std::uint16_t, std::vector<const http::Exchange*>> got;
    for (const auto& [id, seen] : sink.seen) got[seen.exchange.client.port].push_back(&seen.exchange);
    for (const ModelConnection& connection : model.connections()) {
      const auto& exchanges = got[connection.port];
      ASSERT_EQ(exchanges.size(), connection.exchanges.size()) << "seed " << seed;
      for (std::size_t i = 0; i < exchanges.size(); ++i) {
        ASSERT_EQ(exchanges[i]->index, i) << "seed " << seed;
        ASSERT_EQ(normal_form(exchanges[i]->request), connection.exchanges[i].request)
            << "seed " << seed;
        ASSERT_TRUE(exchanges[i]->original) << "seed " << seed << ": " << sink.seen.at(exchanges[i]->id).lost;
        ASSERT_EQ(normal_form(*exchanges[i]->original), connection.exchanges[i].response)
            << "seed " << seed;
      }
    }
    ASSERT_TRUE(sink.unpaired_lines.empty()) << "seed " << seed;
  }
}

// Every response carries its exchange's number, as the target of its request does.
void expect_only_true_pairs(const Recorder& sink, const Model& model, std::uint64_t seed) {
  std::map<std::string, std::string> sent;
  for (const ModelConnection& connection : model.connections()) {
    for (const ModelExchange& e : connection.exchanges) sent[e.request] = e.response;
  }
  for (const auto& [id, seen] : sink.seen) {
    const auto found = sent.find(normal_form(seen.exchange.request));
    ASSERT_NE(found, sent.end()) << "seed " << seed << ": a request nobody sent: "
                                 << normal_form(seen.exchange.request);
    ASSERT_TRUE(seen.exchange.original || !seen.lost.empty()) << "seed " << seed << ": left open";
    if (!seen.exchange.original) continue;
    ASSERT_EQ(normal_form(*seen.exchange.original), found->second) << "seed " << seed;
  }
}

struct Lossy {
  std::vector<Packet> packets;
  std::set<std::uint16_t> hit;  // clients' ports
};

Lossy without_some(const std::vector<Packet>& packets, std::mt19937_64& random,
                   std::size_t per_mille) {
  Lossy fewer;
  std::size_t burst = 0;
  for (const Packet& packet : packets) {
    if (burst == 0 && random() % 1000 < per_mille) burst = 1 + random() % 4;
    if (burst > 0) {
      --burst;
      fewer.hit.insert(packet.fields.flow.client.port);
      continue;
    }
    fewer.packets.push_back(packet);
  }
  return fewer;
}

// sent = complete + lost: what was sent is told once or not at all, and all of it is complete
// where the wire lost nothing.
void expect_the_loss_law(const Recorder& sink, const Model& model,
                         const std::set<std::uint16_t>& hit, std::uint64_t seed) {
  std::map<std::string, const Seen*> told;
  for (const auto& [id, seen] : sink.seen) {
    const bool first = told.emplace(normal_form(seen.exchange.request), &seen).second;
    ASSERT_TRUE(first) << "seed " << seed << ": told twice: " << seen.exchange.request.target;
  }
  std::size_t sent = 0, complete = 0, lost = 0;
  for (const ModelConnection& connection : model.connections()) {
    for (const ModelExchange& e : connection.exchanges) {
      ++sent;
      const auto found = told.find(e.request);
      const bool whole = found != told.end() && found->second->exchange.original;
      whole ? ++complete : ++lost;
      ASSERT_TRUE(whole || hit.contains(connection.port)) << "seed " << seed << ": lost without loss";
    }
  }
  ASSERT_EQ(complete + lost, sent);
  ASSERT_EQ(complete, sink.complete()) << "seed " << seed << ": complete, but never sent";
}

// Batches only: where a request is outstanding at every moment and loss hid that, nothing
// on the wire tells the client from one that waits for its answers.
TEST(Model, WithLossEveryPairIsTrue) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Model model(seed, {.connections = 2, 
                       .pipelining = Pipelining::kBatches,
                       .disorder = seed % 2 == 0});
    const Lossy lossy = without_some(model.interleaved(), model.random(), 5 + seed % 150);
    Recorder sink;
    run(lossy.packets, sink);
    expect_only_true_pairs(sink, model, seed);
    expect_the_loss_law(sink, model, lossy.hit, seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(Model, JoinedAnywhereEveryPairIsTrue) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    // Joined at the very segment of a body that looks like a request, nobody could know.
    Model model(seed, {.connections = 1, .pipelining = seed % 2 == 0 ? Pipelining::kBatches : Pipelining::kNone,
                       .disorder = false,
                       .traps = false});
    std::vector<Packet> packets = model.interleaved();
    packets.erase(packets.begin(), packets.begin() + static_cast<long>(model.random()() % packets.size()));
    Recorder sink;
    run(packets, sink);
    expect_only_true_pairs(sink, model, seed);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

// Without pipelining a lost segment costs the exchanges it hit, and few more.
TEST(Model, LossCostsLittleMoreThanWhatItHit) {
  std::size_t sent = 0;
  std::size_t complete = 0;
  std::size_t dropped = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds / 4; ++seed) {
    Model model(seed, {.connections = 4, .pipelining = Pipelining::kNone, .disorder = false});
    const auto all = model.interleaved();
    const Lossy lossy = without_some(all, model.random(), 5);
    Recorder sink;
    run(lossy.packets, sink);
    for (const auto& connection : model.connections()) sent += connection.exchanges.size();
    complete += sink.complete();
    dropped += all.size() - lossy.packets.size();
  }
  RecordProperty("sent", static_cast<int>(sent));
  RecordProperty("complete", static_cast<int>(complete));
  EXPECT_LT(sent - complete, 2 * dropped);
  EXPECT_GT(complete, sent / 2);
}

}  // namespace
}  // namespace shadowtap::testing
