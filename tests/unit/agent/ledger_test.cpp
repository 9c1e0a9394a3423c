#include "agent/ledger.h"

#include <gtest/gtest.h>

namespace shadowtap {
namespace {

diff::Differences differing(std::initializer_list<const char*> paths) {
  diff::Differences found;
  for (const char* path : paths) {
    diff::Difference& one = found.all.emplace_back();
    one.path = one.aggregated = path;
  }
  found.equal = found.all.empty();
  return found;
}

TEST(Ledger, WhatResultsNeverHearOfCountsAsTheOneExchangeShows) {
  results::Compared compared;
  EXPECT_EQ(unreported_as(compared), Unreported::kMatch);
  compared.candidate.ignored = true;
  EXPECT_EQ(unreported_as(compared), Unreported::kIgnored);
  compared.candidate = differing({"$.a", "$.b"});
  EXPECT_EQ(unreported_as(compared), Unreported::kMismatch);
  compared.control = differing({"$.a"});
  EXPECT_EQ(unreported_as(compared), Unreported::kMismatch);
  compared.control = differing({"$.b", "$.a"});
  EXPECT_EQ(unreported_as(compared), Unreported::kNoise);
  compared.control->all[0].kind = diff::Kind::kMissing;
  EXPECT_EQ(unreported_as(compared), Unreported::kMismatch);
}

TEST(Ledger, ATruncatedDiffIsAMismatchThoughItNamesNothing) {
  results::Compared compared;
  compared.candidate.equal = false;
  compared.candidate.truncated = true;
  compared.control = compared.candidate;
  EXPECT_EQ(unreported_as(compared), Unreported::kMismatch);
}

TEST(Ledger, WhatWasNotComparedIsNoOutcome) {
  EXPECT_EQ(unreported_as(results::ShadowError{}), Unreported::kError);
  EXPECT_EQ(unreported_as(http::Refused::kStale), Unreported::kNotCompared);
}

}  // namespace
}  // namespace shadowtap
