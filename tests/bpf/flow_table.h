// Packets of one connection under BPF_PROG_RUN, told by offsets from its first byte.
#pragma once

#include "tests/bpf/program_run.h"

namespace shadowtap::testing {

// The initial sequence number is an axis: wrap-around must not matter.
class FlowTable : public ProgramRun, public ::testing::WithParamInterface<std::uint32_t> {
 protected:
  Frame data(std::uint32_t offset, std::string payload) const {
    Frame frame;
    frame.sequence = GetParam() + offset;
    frame.payload = std::move(payload);
    return frame;
  }
  // From the server: everything before `offset` of the client's bytes has arrived.
  Frame ack(std::uint32_t offset) const {
    Frame frame = reply(Frame{});
    frame.sequence = 7000;
    frame.acknowledgment = GetParam() + offset;
    return frame;
  }
  Frame syn() const {
    Frame frame = data(0, "");
    frame.sequence -= 1;
    frame.flags = net::kSyn;
    return frame;
  }
  // From the server: `payload` from `at` on, and everything before `acknowledged` arrived.
  Frame answer(std::uint32_t at, std::string payload, std::uint32_t acknowledged) const {
    Frame frame = ack(acknowledged);
    frame.sequence += at;
    frame.payload = std::move(payload);
    return frame;
  }
  net::FlowVerdict verdict(net::SkipKind kind, std::uint32_t until = 0,
                           net::Direction direction = net::Direction::kToServer) const {
    const Frame frame;
    const std::uint32_t base = direction == net::Direction::kToServer ? GetParam() : 7000;
    return {.flow = {frame.source, frame.destination}, .direction = direction,
            .kind = kind, .until = base + until};
  }
  std::size_t flows_known() { return kernel_->sweep_flows(Duration::zero()); }
};

inline auto initial_sequence_numbers() {
  return ::testing::Values(1u, 0x7fffffffu, 0xffffffffu - 150u);
}

}  // namespace shadowtap::testing
