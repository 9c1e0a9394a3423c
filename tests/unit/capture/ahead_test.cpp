#include "agent/capture/ahead.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace shadowtap::capture {
namespace {

const ChainLink kUs{.program = "shadowtap_ingre", .id = 1, .ours = true};
const ChainLink kCilium{.program = "cil_from_netdev", .id = 17};
const ChainLink kOther{.program = "other", .id = 18};

// As it is seen without privileges.
ChainLink unnamed(std::uint32_t id) {
  return {.program = "id " + std::to_string(id), .id = id, .named = false};
}

Ahead after(std::initializer_list<Result<Chain>> looks) {
  Ahead ahead;
  for (const auto& chain : looks) ahead.see(HookPoint::kIngress, chain);
  return ahead;
}

TEST(Ahead, IsWhoRunsBeforeUsNow) {
  EXPECT_EQ(after({Chain{kOther, kCilium, kUs}}).hidden_by(), "cil_from_netdev");
  EXPECT_EQ(after({Chain{kOther, kCilium, kUs}}).text(),
            "ingress: other (tcx), cil_from_netdev (tcx)");
  EXPECT_EQ(after({Chain{kCilium, kUs}, Chain{kUs, kCilium}}).text(), "");
  EXPECT_EQ(after({Chain{kOther, kUs}}).hidden_by(), "");
  EXPECT_EQ(after({Chain{kOther, kUs}}).may_be_hidden_by(), "");
}

TEST(Ahead, IsKnownByItsNumberWhenItsNameMayNotBeAsked) {
  const Ahead ahead = after({Chain{kCilium, kUs}, Chain{unnamed(17), kUs}});
  EXPECT_EQ(ahead.hidden_by(), "cil_from_netdev");
  EXPECT_EQ(ahead.may_be_hidden_by(), "");
}

TEST(Ahead, OfAnUnknownNumberMayHideAll) {
  const Ahead ahead = after({Chain{kOther, kUs}, Chain{unnamed(19), unnamed(18), kUs}});
  EXPECT_EQ(ahead.hidden_by(), "");
  EXPECT_EQ(ahead.may_be_hidden_by(), "id 19");
  EXPECT_EQ(ahead.text(), "ingress: id 19 (tcx), other (tcx)");
}

TEST(Ahead, StaysAsItWasWhereItCannotBeAsked) {
  const Ahead ahead = after({Chain{kCilium, kUs}, errno_error("ask", EPERM)});
  EXPECT_EQ(ahead.hidden_by(), "cil_from_netdev");
}

TEST(Ahead, IsKeptForEachHook) {
  Ahead ahead;
  ahead.see(HookPoint::kEgress, Chain{kCilium, kUs});
  ahead.see(HookPoint::kIngress, Chain{kUs});
  EXPECT_EQ(ahead.text(), "egress: cil_from_netdev (tcx)");
  EXPECT_EQ(ahead.hidden_by(), "cil_from_netdev");
}

}  // namespace
}  // namespace shadowtap::capture
