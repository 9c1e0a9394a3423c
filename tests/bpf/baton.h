// What one process waits for and another one gives, across fork().
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

namespace shadowtap::testing {

class Baton {
 public:
  Baton() { EXPECT_EQ(::pipe(ends_), 0); }
  ~Baton() {
    for (const int end : ends_) ::close(end);
  }
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;

  void give() const { EXPECT_EQ(::write(ends_[1], "x", 1), 1); }

  void await() const {
    pollfd given{.fd = ends_[0], .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&given, 1, 30'000), 1) << "nobody gave it";
    char byte = 0;
    ASSERT_EQ(::read(ends_[0], &byte, 1), 1);
  }

 private:
  int ends_[2] = {-1, -1};
};

}  // namespace shadowtap::testing
