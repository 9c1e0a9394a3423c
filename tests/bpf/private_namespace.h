// A network namespace of the test's own: the test's thread moves into a fresh one, which
// the kernel removes with the last socket and thread in it.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace shadowtap::testing {

// Moves the calling thread (and threads it starts later) into a new namespace and brings
// lo up there.
void enter_private_namespace();

// Runs a command of iproute2 and the like by /bin/sh; fails the test if it fails.
void must_run(const std::string& command);

// Skips unless root; fails instead when CI=true.
class RootTest : public ::testing::Test {
 protected:
  void SetUp() override;
};

}  // namespace shadowtap::testing
