#include "agent/net/flow.h"

#include <gtest/gtest.h>

#include <set>

namespace shadowtap::net {
namespace {

TEST(Flow, TheOppositeOfTheOppositeIsTheSame) {
  EXPECT_EQ(opposite(Direction::kToServer), Direction::kToClient);
  EXPECT_EQ(opposite(opposite(Direction::kToServer)), Direction::kToServer);
}

TEST(Flow, KnowsItsClientFromItsServer) {
  const Endpoint a = Endpoint::v4(10, 0, 0, 1, 1000), b = Endpoint::v4(10, 0, 0, 2, 80);
  EXPECT_NE((Flow{a, b}), (Flow{b, a}));
  EXPECT_NE(FlowHash{}({a, b}), FlowHash{}({b, a}));
}

TEST(Flow, HashesOfNeighboursDiffer) {
  std::set<std::size_t> hashes;
  for (std::uint16_t port = 1; port <= 1000; ++port)
    hashes.insert(FlowHash{}({Endpoint::v4(10, 0, 0, 1, port), Endpoint::v4(10, 0, 0, 2, 80)}));
  EXPECT_EQ(hashes.size(), 1000u);
}

}  // namespace
}  // namespace shadowtap::net
