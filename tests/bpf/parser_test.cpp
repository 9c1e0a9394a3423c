// Every header form, whole and cut at every byte.

#include <random>

#include "tests/bpf/program_run.h"

namespace shadowtap::testing {
namespace {

using net::Direction;
using Parser = ProgramRun;

constexpr std::uint16_t k8021Q = 0x8100, k8021AD = 0x88a8;
constexpr std::uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuthentication = 51,
                       kDestination = 60, kMobility = 135;

struct Form {
  const char* name;
  Frame frame;
};

Frame v4_frame() {
  Frame frame;
  frame.payload = "GET / HTTP/1.1\r\n\r\n";
  return frame;
}

Frame v6_frame() {
  Frame frame = v4_frame();
  frame.source = v6(1, 40000);
  frame.destination = v6(2, 8080);
  return frame;
}

template <class Change>
Frame with(Frame frame, Change change) {
  change(frame);
  return frame;
}

std::vector<Form> forms() {
  return {
      {"IPv4", v4_frame()},
      {"IPv6", v6_frame()},
      {"TCP options", with(v4_frame(), [](Frame& f) { f.tcp_options = 40; })},
      {"TCP options over IPv6", with(v6_frame(), [](Frame& f) { f.tcp_options = 12; })},
      {"IPv4 options", with(v4_frame(), [](Frame& f) { f.ip_options = 40; })},
      {"one VLAN tag", with(v4_frame(), [](Frame& f) { f.vlan_tags = {k8021Q}; })},
      {"two VLAN tags", with(v4_frame(), [](Frame& f) { f.vlan_tags = {k8021AD, k8021Q}; })},
      {"VLAN and IPv6", with(v6_frame(), [](Frame& f) { f.vlan_tags = {k8021Q}; })},
      {"VLAN and options", with(v4_frame(), [](Frame& f) {
         f.vlan_tags = {k8021AD, k8021Q};
         f.ip_options = 8;
         f.tcp_options = 12;
       })},
      {"hop-by-hop", with(v6_frame(), [](Frame& f) { f.extensions = {kHopByHop}; })},
      {"many extensions", with(v6_frame(), [](Frame& f) {
         f.extensions = {kHopByHop, kDestination, kRouting, kFragment, kAuthentication,
                         kMobility, kDestination, kDestination};
       })},
      {"atomic fragment", with(v6_frame(), [](Frame& f) { f.extensions = {kFragment}; })},
      {"padding", with(v4_frame(), [](Frame& f) { f.padding = 11; })},
      {"padding over IPv6", with(v6_frame(), [](Frame& f) { f.padding = 11; })},
      {"BIG TCP", with(v4_frame(), [](Frame& f) { f.length_zero = true; })},
      {"BIG TCP over IPv6", with(v6_frame(), [](Frame& f) { f.length_zero = true; })},
      {"don't fragment", with(v4_frame(), [](Frame& f) { f.fragment = 0x4000; })},
      {"2 KiB", with(v4_frame(), [](Frame& f) { f.payload = std::string(2048, 'x'); })},
  };
}

TEST_F(Parser, ReadsEveryHeaderFormInBothDirections) {
  std::uint16_t port = 20000;
  for (const Form& form : forms()) {
    SCOPED_TRACE(form.name);
    Frame frame = form.frame;
    frame.source.port = ++port;  // a flow of its own
    frame.flags = net::kAck | net::kPsh;
    const auto requests = seen(frame);
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].bytes, frame.payload);
    EXPECT_EQ(requests[0].segment.flow, (net::Flow{frame.source, frame.destination}));
    EXPECT_EQ(requests[0].segment.direction, Direction::kToServer);
    EXPECT_EQ(requests[0].segment.sequence, 1000u);
    EXPECT_EQ(requests[0].segment.acknowledgment, 2000u);
    EXPECT_EQ(requests[0].segment.flags, frame.flags);
    EXPECT_EQ(requests[0].segment.service, 1u);
    EXPECT_EQ(requests[0].segment.payload_size, frame.payload.size());

    const auto answers = seen(reply(frame));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].bytes, frame.payload);
    EXPECT_EQ(answers[0].segment.flow, (net::Flow{frame.source, frame.destination}));
    EXPECT_EQ(answers[0].segment.direction, Direction::kToClient);
    EXPECT_EQ(answers[0].segment.flow_hash, requests[0].segment.flow_hash);
  }
  expect_exact_ledger();
}

// BPF_PROG_RUN takes an EtherType from bytes 12 and 13 of whatever it is given: without a
// link layer these belong to the source address, which is chosen to read like one.
Frame without_link_layer(Frame frame) {
  for (Endpoint* end : {&frame.source, &frame.destination}) {
    auto* bytes = end->address.data();
    if (end->is_v4()) {
      bytes[12] = 0x08;
      bytes[13] = 0x00;
    } else {
      bytes[4] = 0x86;
      bytes[5] = 0xdd;
    }
  }
  return frame;
}

TEST_F(Parser, ReadsEveryHeaderFormWithoutALinkLayer) {
  const int egress = kernel_->program(capture::HookPoint::kEgress, false);
  const int ingress = kernel_->program(capture::HookPoint::kIngress, false);
  std::uint16_t port = 20000;
  for (const Form& form : forms()) {
    SCOPED_TRACE(form.name);
    if (!form.frame.vlan_tags.empty()) continue;
    Frame frame = without_link_layer(form.frame);
    frame.source.port = ++port;
    run_program(egress, bytes_of(frame).substr(14), leaf_);
    run_program(ingress, bytes_of(reply(frame)).substr(14), leaf_);
    const auto records = drain();
    ASSERT_EQ(records.size(), 2u);
    for (const Record& record : records) {
      EXPECT_EQ(record.bytes, frame.payload);
      EXPECT_EQ(record.segment.flow, (net::Flow{frame.source, frame.destination}));
    }
    const std::string whole = bytes_of(frame).substr(14);
    // BPF_PROG_RUN wants an IP header's length behind what it takes for a link layer.
    for (std::size_t size = frame.source.is_v4() ? 34 : 54; size < whole.size(); ++size)
      run_program(egress, whole.substr(0, size), leaf_);
    drain();
  }
  expect_exact_ledger();
}

TEST_F(Parser, SaysNextForEveryFrameCutAtEveryByte) {
  // BPF_PROG_RUN itself refuses a cut IP header, unless it is behind a VLAN tag.
  const auto least = [](const Frame& frame) -> std::size_t {
    if (!frame.vlan_tags.empty()) return 15;
    return frame.source.is_v4() ? 34 : 54;
  };
  std::uint16_t port = 20000;
  for (const Form& form : forms()) {
    SCOPED_TRACE(form.name);
    Frame frame = form.frame;
    if (frame.payload.size() > 100) frame.payload.resize(100);
    const std::string whole = bytes_of(frame);
    for (std::size_t size = least(frame); size < whole.size(); ++size) {
      frame.source.port = ++port;
      std::string cut = bytes_of(frame);
      cut.resize(size);
      for (const auto point : {capture::HookPoint::kEgress, capture::HookPoint::kIngress})
        run_program(kernel_->program(point, true), cut, leaf_);
      for (const Record& record : drain())
        EXPECT_EQ(frame.payload.compare(0, record.bytes.size(), record.bytes), 0) << size;
    }
  }
  expect_exact_ledger();
}

TEST_F(Parser, SaysNextForJunk) {
  std::mt19937 random(1);
  for (const Form& form : forms()) {
    const std::string whole = bytes_of(form.frame);
    for (int i = 0; i < 300; ++i) {
      std::string junk = whole;
      for (int change = 0; change < 4; ++change)
        junk[12 + random() % (junk.size() - 12)] = static_cast<char>(random());
      run_program(kernel_->program(capture::HookPoint::kEgress, true), junk, leaf_);
      drain();
    }
  }
  expect_exact_ledger();
}

TEST_F(Parser, APaddedAckHasNoPayload) {
  seen(v4_frame());
  Frame ack;
  ack.sequence = 1018;
  ack.padding = 6;  // to 60 bytes, the least of Ethernet
  EXPECT_EQ(seen(ack).size(), 0u);
  EXPECT_EQ(ignored("ack"), 1u);
}

TEST_F(Parser, CountsFragments) {
  for (Frame frame : {v4_frame(), v6_frame()}) {
    const bool v4 = frame.source.is_v4();
    if (!v4) frame.extensions = {kFragment};
    frame.fragment = v4 ? 0x2000 : 0x0001;  // first, more follow
    EXPECT_EQ(seen(frame).size(), 0u);
    frame.fragment = v4 ? 0x0010 : 0x0080;  // a later one
    EXPECT_EQ(seen(frame).size(), 0u);
  }
  EXPECT_EQ(lost("fragment"), 2u);
  EXPECT_EQ(ignored("fragment"), 2u);
  expect_exact_ledger();
}

TEST_F(Parser, LeavesWhatIsNotTcpAlone) {
  for (const int protocol : {17, 58, 50, 59, 132}) {
    for (Frame frame : {v4_frame(), v6_frame()}) {
      std::string bytes = bytes_of(frame);
      bytes[frame.source.is_v4() ? 14 + 9 : 14 + 6] = static_cast<char>(protocol);
      run_program(kernel_->program(capture::HookPoint::kEgress, true), bytes, leaf_);
    }
  }
  EXPECT_EQ(drain().size(), 0u);
  EXPECT_EQ(kernel_->packets().matched, 0u);
}

TEST_F(Parser, LeavesOtherPortsAlone) {
  Frame frame = v4_frame();
  frame.destination.port = 8081;
  EXPECT_EQ(seen(frame).size(), 0u);
  EXPECT_EQ(kernel_->packets().matched, 0u);
}

TEST_F(Parser, KnowsTheServiceWhenBothPortsAreOurs) {
  Frame frame = v4_frame();
  frame.source.port = 8080;
  frame.destination.port = 9;  // the lower one is the service
  run_program(kernel_->program(capture::HookPoint::kEgress, true), bytes_of(frame), leaf_);
  run_program(kernel_->program(capture::HookPoint::kIngress, true), bytes_of(reply(frame)), leaf_);
  const auto records = drain();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].segment.flow, (net::Flow{frame.source, frame.destination}));
  EXPECT_EQ(records[1].segment.flow, records[0].segment.flow);
}

}  // namespace
}  // namespace shadowtap::testing
