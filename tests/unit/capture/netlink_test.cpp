#include "agent/capture/netlink.h"

#include <gmock/gmock.h>
#include <sys/socket.h>

#include <cerrno>

namespace shadowtap::capture {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The kernel's end of the socket, which has answered before it was asked. The questions'
// sequence numbers are 1, 2, …
class Dump : public ::testing::Test {
 protected:
  Dump() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    netlink_.emplace(UniqueFd(ends[0]));
    kernel_.reset(ends[1]);
  }

  void answers(std::uint32_t sequence, std::uint16_t type, int value, std::uint16_t flags = 0) {
    struct {
      nlmsghdr header;
      int value;
    } message{{.nlmsg_len = sizeof message, .nlmsg_type = type, .nlmsg_flags = flags,
               .nlmsg_seq = sequence, .nlmsg_pid = 0},
              value};
    EXPECT_EQ(::send(kernel_.get(), &message, sizeof message, 0),
              static_cast<ssize_t>(sizeof message));
  }
  void ends(std::uint32_t sequence, int error = 0) { answers(sequence, NLMSG_DONE, error); }

  Result<> dump() {
    const rtgenmsg all{};
    return netlink_->dump(RTM_GETLINK, std::as_bytes(std::span(&all, 1)),
                          [this](const nlmsghdr& m) { passed_.push_back(header_of<int>(m)); });
  }

  std::size_t questions() const {
    char buffer[256];
    std::size_t n = 0;
    while (::recv(kernel_.get(), buffer, sizeof buffer, MSG_DONTWAIT) > 0) ++n;
    return n;
  }

  std::optional<Netlink> netlink_;
  UniqueFd kernel_;
  std::vector<int> passed_;
};

TEST_F(Dump, PassesEachAnswerToItsQuestion) {
  answers(7, RTM_NEWLINK, 70);  // somebody else's
  answers(1, RTM_NEWLINK, 10);
  answers(1, RTM_NEWLINK, 11);
  ends(1);
  ASSERT_TRUE(dump());
  EXPECT_THAT(passed_, ElementsAre(10, 11));
}

TEST_F(Dump, IsAskedForAgainWhereTheListChangedMeanwhile) {
  answers(1, RTM_NEWLINK, 10);
  answers(1, RTM_NEWLINK, 12, NLM_F_DUMP_INTR);
  ends(1);
  for (const int link : {10, 11, 12}) answers(2, RTM_NEWLINK, link);
  ends(2);
  ASSERT_TRUE(dump());
  EXPECT_THAT(passed_, ElementsAre(10, 11, 12));
  EXPECT_EQ(questions(), 2U);
}

TEST_F(Dump, ThatChangesEachTimeIsAnError) {
  for (std::uint32_t sequence = 1; sequence <= 10; ++sequence) {
    answers(sequence, RTM_NEWLINK, 10);
    answers(sequence, NLMSG_DONE, 0, NLM_F_DUMP_INTR);
  }
  const auto done = dump();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code.value(), EINTR);
  EXPECT_THAT(passed_, IsEmpty());
  EXPECT_LE(questions(), 10U);
}

TEST_F(Dump, ThatEndsInAnErrorIsOne) {
  answers(1, RTM_NEWLINK, 10);
  ends(1, -ENOMEM);
  const auto done = dump();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code.value(), ENOMEM);
  EXPECT_THAT(passed_, IsEmpty());
}

}  // namespace
}  // namespace shadowtap::capture
