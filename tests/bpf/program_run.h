// The real object under BPF_PROG_RUN: crafted frames in, records out. Lives in a private
// namespace with two leaf interfaces, so that frames count without sockets behind them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/capture/kernel_object.h"
#include "tests/bpf/collected.h"
#include "tests/bpf/frame.h"
#include "tests/bpf/private_namespace.h"

namespace shadowtap::testing {

// Runs `program` once (or `repeat` times) on `frame` as seen on `ifindex`, with a socket's
// SO_MARK. Expects "next". Returns the mean duration in ns.
std::uint32_t run_program(int program, const std::string& frame, std::uint32_t ifindex,
                          int repeat = 1, std::uint32_t mark = 0);

class ProgramRun : public RootTest {
 protected:
  static constexpr std::uint16_t kPort = 8080;

  void SetUp() override;
  // Replaces the object by one with other options (ports are ours).
  void load(capture::TapOptions options = {});

  // To the service on a leaf: egress. From it: ingress. By which port is the service's.
  void pass(const Frame& frame, std::uint32_t ifindex = 0);
  std::vector<Record> drain();
  // passes, drains
  std::vector<Record> seen(const Frame& frame, std::uint32_t ifindex = 0);

  std::uint64_t ignored(const std::string& reason) const;
  std::uint64_t lost(const std::string& reason) const;
  // matched == delivered + sum(lost)
  void expect_exact_ledger() const;

  std::unique_ptr<capture::KernelObject> kernel_;
  std::uint32_t leaf_ = 0, other_leaf_ = 0;
};

// A frame of the answer direction: ports and addresses swapped.
Frame reply(Frame frame);

}  // namespace shadowtap::testing
