// The loaded BPF object: configured once, then seen through its maps.
//
// Knows the skeleton and libbpf; knows nothing of interfaces and of what is attached.
//
// Threads: load on the control thread; counts() from anywhere; the rest on the control
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "agent/capture/excluded_targets.h"
#include "agent/capture/ring.h"
#include "agent/capture/tap.h"

struct shadowtap_bpf;
struct shadowtap_flow;

namespace shadowtap::capture {

enum class HookPoint : std::uint8_t { kIngress, kEgress };

class KernelObject {
 public:
  static Result<std::unique_ptr<KernelObject>> load(const TapOptions& options);
  ~KernelObject();
  KernelObject(const KernelObject&) = delete;
  KernelObject& operator=(const KernelObject&) = delete;

  // The program for a hook; another one for devices without a link layer.
  int program(HookPoint point, bool link_layer) const;
  // Of all of them, by which they are known in others' lists.
  const std::vector<std::uint32_t>& program_ids() const { return program_ids_; }

  MappedRing& ring(std::size_t shard) { return *rings_[shard]; }
  std::size_t ring_bytes() const;
  // By the kernel's own clock, over all packets that our programs saw. 0 where
  // kernel.bpf_stats_enabled is off: that costs every program on the host, so it is not ours.
  double ns_per_run() const;

  // All targets; those of before that are not among them are captured again. After an error
  // some are not excluded: say it again.
  Result<> exclude(const std::vector<Endpoint>& targets);
  // Whether everything behind an interface is a pod, container or VM (DESIGN 3.4).
  Result<> set_leaf(std::uint32_t ifindex, bool leaf);
  void forget_interface(std::uint32_t ifindex);

  PacketCounts packets(std::size_t service) const;
  PacketCounts packets() const;

  // Removes flows that were idle for `idle`; earlier those that only ever saw a SYN, of
  // which a flood makes many. Returns how many were removed.
  std::size_t sweep_flows(Duration idle, Duration half_open_idle = std::chrono::seconds(10));

 private:
  struct Close {
    void operator()(shadowtap_bpf* object) const;
  };
  explicit KernelObject(shadowtap_bpf* object) : object_(object) {}

  Result<> learn_program_ids();
  Result<> create_rings(const TapOptions& options);
  Result<> create_ring(std::uint32_t shard, const RingLayout& layout);
  void sum_counts(std::uint32_t service, std::vector<std::uint64_t>& sum) const;
  void stop_excluding_others(const std::vector<Endpoint>& targets);
  // Removes the flows that `is_over`. Returns how many they were.
  std::size_t remove_flows(const std::function<bool(const shadowtap_flow&)>& is_over);

  std::unique_ptr<shadowtap_bpf, Close> object_;
  std::uint32_t services_ = 0;
  ExcludedTargets excluded_{0};
  std::vector<std::uint32_t> program_ids_;
  std::uint64_t* verdicts_ = nullptr;
  std::vector<std::unique_ptr<MappedRing>> rings_;
};

}  // namespace shadowtap::capture
