// Which kept samples are listed, in which order, and how much is kept of several services.
#include <gmock/gmock.h>

#include "agent/results/sample_of.h"
#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ListedSamples : public testing::Test {
 protected:
  void SetUp() override { results_ = *Results::open(one_service()); }

  // One exchange; each at a place of its own, so that none pushes another out.
  void comes(const std::string& uri, Duration after_start) {
    ++count_;
    Made made("GET", uri, kStart + after_start, count_);
    made.candidate({differs("$.p" + std::to_string(count_), diff::Kind::kValue, "1", "2")}).secondary({});
    results_->add(std::move(made.comparison));
  }
  Page<DiffRow> page(std::optional<WallTime> since, const std::string& cursor = "", std::size_t limit = 100) {
    DiffQuery query;
    query.since = since;
    query.cursor = cursor;
    query.limit = limit;
    return results_->diffs(query);
  }
  static std::vector<std::string> uris(const Page<DiffRow>& page) {
    std::vector<std::string> all;
    for (const DiffRow& row : page.rows) all.push_back(row.uri);
    return all;
  }

  std::unique_ptr<Results> results_;
  std::uint64_t count_ = 0;
};

TEST_F(ListedSamples, SinceDoesNotEndAtASlowExchangeThatCameLate) {
  comes("/quick/1", 10s);
  comes("/quick/2", 20s);
  comes("/slow", 1s);
  comes("/quick/3", 20s + 1us);
  comes("/slower", 2s);
  EXPECT_THAT(uris(page(kStart + 5s)), ElementsAre("/quick/3", "/quick/2", "/quick/1"));
  EXPECT_THAT(uris(page(kStart + 20s)), ElementsAre("/quick/3", "/quick/2"));
  EXPECT_THAT(uris(page(kStart)), ElementsAre("/slower", "/quick/3", "/slow", "/quick/2", "/quick/1"));
  EXPECT_THAT(uris(page(kStart + 30s)), IsEmpty());
}

TEST_F(ListedSamples, SinceIsExact) {
  comes("/at", 10s + 1us);
  EXPECT_THAT(uris(page(kStart + 10s + 1us)), ElementsAre("/at"));
  EXPECT_THAT(uris(page(kStart + 10s + 1us + 1ns)), IsEmpty());
}

TEST_F(ListedSamples, PagesPassOverThoseBeforeSince) {
  for (int i = 0; i < 6; ++i) {
    comes("/quick/" + std::to_string(i), 10s + i * 1s);
    comes("/slow/" + std::to_string(i), i * 1s);
  }
  std::vector<std::string> seen;
  std::string cursor;
  do {
    const auto part = page(kStart + 10s, cursor, 4);
    for (const std::string& uri : uris(part)) seen.push_back(uri);
    cursor = part.next;
  } while (!cursor.empty());
  EXPECT_THAT(seen, ElementsAre("/quick/5", "/quick/4", "/quick/3", "/quick/2", "/quick/1", "/quick/0"));
}

TEST_F(ListedSamples, ACursorHoldsItsPlaceWithoutItsSample) {
  for (int i = 0; i < 5; ++i) comes("/a/" + std::to_string(i), i * 1s);
  const auto all = page({}).rows;
  ASSERT_EQ(all.size(), 5U);
  const std::string gone = to_id(std::stoull(all[2].id, nullptr, 16) + 1);  // would stand before it
  ASSERT_FALSE(results_->diff(gone));
  EXPECT_THAT(uris(page({}, gone)), ElementsAre("/a/2", "/a/1", "/a/0"));
}

TEST_F(ListedSamples, ACursorThatIsNoNumberLeadsNowhere) {
  comes("/a", 1s);
  EXPECT_THAT(page({}, "garbage").rows, IsEmpty());
}

TEST(SamplesOfSeveralServices, ShareTheBoundOfAll) {
  constexpr std::size_t kMaxBytes = 1 << 20;
  constexpr std::size_t kBody = 10'000;
  ResultsOptions options = one_service();
  options.store.max_bytes = kMaxBytes;
  for (const char* name : {"cart", "stock", "mail"}) {
    options.services.push_back(options.services[0]);
    options.services.back().name = name;
  }
  const auto results = *Results::open(options);
  for (std::uint64_t i = 0; i < 200; ++i) {
    Made made("GET", "/users/1", kStart + i * 1s, i + 1);
    made.candidate({differs("$.p" + std::to_string(i), diff::Kind::kValue, "1", "2")}).secondary({});
    http::Body& body = made.comparison.candidate->response.body;
    body.bytes.assign(kBody, 'x');
    body.size = kBody;
    made.comparison.exchange.service = static_cast<std::uint16_t>(i % options.services.size());
    results->add(std::move(made.comparison));
  }
  DiffQuery query;
  query.limit = 1000;
  const std::size_t bytes = kBody * results->diffs(query).rows.size();
  EXPECT_LE(bytes, kMaxBytes / 4);
  EXPECT_GE(bytes, kMaxBytes / 8) << "and what they may keep is kept";
}

}  // namespace
}  // namespace shadowtap::results::test
