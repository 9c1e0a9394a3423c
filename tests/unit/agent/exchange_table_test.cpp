#include "agent/exchange_table.h"

#include <gtest/gtest.h>

namespace shadowtap {
namespace {

using namespace std::chrono_literals;

http::Exchange exchange(http::ExchangeId id, std::size_t body = 0) {
  http::Exchange made;
  made.id = id;
  made.request.body.bytes.assign(body, 'x');
  return made;
}

TEST(ExchangeTable, SweepsEachOverdueExchangeOnce) {
  ExchangeTable table;
  const Time start{};
  table.open(exchange(1), start, 1s);
  table.open(exchange(2), start, 2s);
  std::vector<http::ExchangeId> due;
  const auto note = [&](OpenExchange& open) { due.push_back(open.exchange.id); };
  table.sweep(start + 500ms, note);
  EXPECT_TRUE(due.empty());
  table.sweep(start + 1500ms, note);
  table.sweep(start + 1600ms, note);
  EXPECT_EQ(due, std::vector<http::ExchangeId>{1});
  table.sweep(start + 3s, note);
  EXPECT_EQ(due, (std::vector<http::ExchangeId>{1, 2}));
}

TEST(ExchangeTable, AShorterPatienceIsNotHeldUpByALongerOne) {
  ExchangeTable table;
  table.open(exchange(1), Time{}, 60s);
  table.open(exchange(2), Time{}, 1s);
  std::vector<http::ExchangeId> due;
  table.sweep(Time{} + 2s, [&](OpenExchange& open) { due.push_back(open.exchange.id); });
  EXPECT_EQ(due, std::vector<http::ExchangeId>{2});
}

TEST(ExchangeTable, SweepPassesOverWhatIsGone) {
  ExchangeTable table;
  table.open(exchange(1), Time{}, 1s);
  table.erase(1);
  table.sweep(Time{} + 2s, [](OpenExchange&) { FAIL(); });
}

TEST(ExchangeTable, CountsBytesUntilErased) {
  ExchangeTable table;
  OpenExchange& open = table.open(exchange(1, 1000), Time{}, 0s);
  EXPECT_GE(table.held_bytes(), 1000u);
  table.charge(open, 500);
  EXPECT_GE(table.held_bytes(), 1500u);
  table.erase(1);
  EXPECT_EQ(table.held_bytes(), 0u);
}

}  // namespace
}  // namespace shadowtap
