#include "agent/target_addresses.h"

#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>
#include <optional>

#include "agent/capture/tap.h"

namespace shadowtap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// The edge: keeps what it is told to leave out.
class ToldTap final : public capture::Tap {
 public:
  Result<> exclude(const std::vector<Endpoint>& targets) override {
    ++calls;
    if (fails) return errno_error("exclude", ENOMEM);
    excluded = targets;
    return {};
  }

  capture::Ring& ring(std::size_t) override { std::abort(); }
  Result<> attach() override { return {}; }
  int follow_descriptor() const override { return -1; }
  void follow() override {}
  Result<std::string> drop_privileges(capture::PrivilegesKept) override { return std::string(); }
  std::vector<capture::AttachedAt> attachments() const override { return {}; }
  capture::PacketCounts packets() const override { return {}; }
  capture::PacketCounts packets(std::size_t) const override { return {}; }
  std::size_t ring_bytes() const override { return 0; }
  double ns_per_packet() const override { return 0; }
  void detach() override {}

  std::optional<std::vector<Endpoint>> excluded;
  std::size_t calls = 0;
  bool fails = false;
};

config::Config with_mirrors(const std::vector<std::string>& urls) {
  config::Config config;
  config.capture.netns = "elsewhere";  // so that no socket of this host is asked about
  config::ServiceConfig& service = config.services.emplace_back();
  service.name = "orders";
  service.ports = {8080};
  for (const std::string& url : urls) service.mirrors.emplace_back().url = url;
  return config;
}

class TellTap : public ::testing::Test {
 protected:
  Result<> tell(const std::vector<std::string>& urls) {
    addresses_.follow(with_mirrors(urls));
    return addresses_.tell(tap_);
  }

  shadow::Resolver resolver_;
  TargetAddresses addresses_{resolver_};
  ToldTap tap_;
};

const Endpoint kNine = Endpoint::v4(10, 0, 0, 9, 8080), kTen = Endpoint::v4(10, 0, 0, 10, 8080);

TEST_F(TellTap, OfAllAddressesAndOfFewerLater) {
  ASSERT_TRUE(tell({}));
  EXPECT_EQ(tap_.calls, 0U);
  ASSERT_TRUE(tell({"http://10.0.0.9:8080", "http://10.0.0.10:8080"}));
  EXPECT_THAT(*tap_.excluded, ElementsAre(kNine, kTen));
  ASSERT_TRUE(tell({"http://10.0.0.9:8080", "http://10.0.0.10:8080"}));
  EXPECT_EQ(tap_.calls, 1U) << "nothing changed";
  ASSERT_TRUE(tell({"http://10.0.0.10:8080"}));
  EXPECT_THAT(*tap_.excluded, ElementsAre(kTen));
  ASSERT_TRUE(tell({}));
  EXPECT_THAT(*tap_.excluded, IsEmpty());
}

TEST_F(TellTap, AgainUntilItTakesItAndSayItOnce) {
  tap_.fails = true;
  EXPECT_FALSE(tell({"http://10.0.0.9:8080"}));
  EXPECT_TRUE(tell({"http://10.0.0.9:8080"}));
  EXPECT_EQ(tap_.calls, 2U);
  EXPECT_TRUE(tell({}));
  EXPECT_EQ(tap_.calls, 3U) << "who knows what it took";
  tap_.fails = false;
  EXPECT_TRUE(tell({"http://10.0.0.9:8080"}));
  EXPECT_THAT(*tap_.excluded, ElementsAre(kNine));
  tap_.fails = true;
  EXPECT_FALSE(tell({"http://10.0.0.10:8080"})) << "another time";
}

}  // namespace
}  // namespace shadowtap
