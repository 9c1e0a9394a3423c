// A ring over many rounds: each record comes out as it went in, wherever in a segment it
// begins and ends.

#include <cstdint>
#include <deque>
#include <random>

#include "tests/bpf/program_run.h"

namespace shadowtap::testing {
namespace {

class RingRounds : public ProgramRun, public ::testing::WithParamInterface<std::size_t> {
 protected:
  void SetUp() override {
    ProgramRun::SetUp();
    if (IsSkipped()) return;
    capture::TapOptions options;
    options.ring_bytes = GetParam();
    load(options);
  }

  Frame next_frame() {
    Frame frame;
    frame.sequence = sequence_;
    frame.payload.resize(random_() % 3000);
    for (char& byte : frame.payload) byte = static_cast<char>(random_());
    if (frame.payload.empty()) frame.payload = "x";
    sequence_ += static_cast<std::uint32_t>(frame.payload.size());
    return frame;
  }

  std::minstd_rand random_{7};
  std::uint32_t sequence_ = 1;
};

INSTANTIATE_TEST_SUITE_P(Bytes, RingRounds, ::testing::Values(128 << 10, 4 << 20));

TEST_P(RingRounds, KeepEveryRecordWhole) {
  std::deque<Frame> under_way;
  std::size_t waiting = 0, passed = 0;
  const auto expect_oldest = [&](const net::Segment& segment) {
    ASSERT_FALSE(under_way.empty());
    ASSERT_EQ(segment.sequence, under_way.front().sequence);
    ASSERT_EQ(segment.payload, under_way.front().payload);
    waiting -= under_way.front().payload.size();
    under_way.pop_front();
  };
  while (passed < 4 * GetParam()) {
    const Frame frame = next_frame();
    pass(frame);
    waiting += frame.payload.size();
    passed += frame.payload.size();
    under_way.push_back(frame);
    if (waiting < GetParam() / 2 || random_() % 8 != 0) continue;
    // In the second half all each time, so that it begins anew; before that only some.
    const std::size_t most = passed > 2 * GetParam() ? under_way.size() + 1 : 1 + random_() % 50;
    kernel_->ring(0).drain(most, expect_oldest);
    ASSERT_FALSE(HasFailure());
  }
  kernel_->ring(0).drain(under_way.size(), expect_oldest);
  EXPECT_TRUE(under_way.empty());
  EXPECT_EQ(kernel_->packets().matched, kernel_->packets().delivered);
}

TEST_P(RingRounds, AFullOneKeepsWhatItHas) {
  std::deque<Frame> sent;
  while (lost("ring_full") == 0) {
    sent.push_back(next_frame());
    pass(sent.back());
  }
  EXPECT_GT(kernel_->ring(0).fill(), 0.9);
  sent.pop_back();  // the one without room
  const auto records = drain();
  ASSERT_EQ(records.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_EQ(records[i].bytes, sent[i].payload);
  EXPECT_EQ(kernel_->ring(0).fill(), 0.0);
  EXPECT_EQ(seen(next_frame()).size(), 1u);
}

}  // namespace
}  // namespace shadowtap::testing
