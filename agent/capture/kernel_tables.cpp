// What the loaded object's tables hold: targets, interfaces, counters, flows.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "agent/base/log.h"
#include "agent/capture/counter_names.h"
#include "agent/capture/kernel_object.h"
#include "bpf/shadowtap_event.h"
#include "shadowtap.skel.h"

namespace shadowtap::capture {
namespace {

constexpr std::size_t kMostFlows = 65536;

struct TargetKey {
  std::uint8_t address[16];
  std::uint32_t port;
};

TargetKey to_key(const Endpoint& target) {
  TargetKey key{};
  std::memcpy(key.address, target.address.data(), sizeof key.address);
  key.port = target.port;
  return key;
}

Endpoint to_target(const TargetKey& key) {
  Endpoint target;
  std::memcpy(target.address.data(), key.address, sizeof key.address);
  target.port = static_cast<std::uint16_t>(key.port);
  return target;
}

std::vector<TargetKey> keys_of(int map) {
  std::vector<TargetKey> keys;
  TargetKey key{};
  while (::bpf_map_get_next_key(map, keys.empty() ? nullptr : &keys.back(), &key) == 0)
    keys.push_back(key);
  return keys;
}

}  // namespace

Result<> KernelObject::exclude(const std::vector<Endpoint>& targets) {
  const bool all_fitted = excluded_.left_out() == 0;
  excluded_ = excluded_.with(targets);
  if (all_fitted && excluded_.left_out() > 0)
    spdlog::warn("targets have {} addresses too many: what is sent to the oldest is taken for "
                 "the service's", excluded_.left_out());
  const std::vector<Endpoint> newest = excluded_.newest();
  stop_excluding_others(newest);
  for (const Endpoint& target : newest) {
    const TargetKey key = to_key(target);
    const std::uint8_t value = 1;
    if (::bpf_map_update_elem(bpf_map__fd(object_->maps.shadowtap_targets), &key, &value, BPF_ANY))
      return errno_error("exclude target " + target.to_string());
  }
  return {};
}

// A flow is found to be a target's once, at its begin: where it begins anew, it is looked at
// again.
void KernelObject::stop_excluding_others(const std::vector<Endpoint>& targets) {
  const int map = bpf_map__fd(object_->maps.shadowtap_targets);
  bool removed = false;
  for (const TargetKey& key : keys_of(map)) {
    if (std::ranges::binary_search(targets, to_target(key))) continue;
    removed |= ::bpf_map_delete_elem(map, &key) == 0;
  }
  if (!removed) return;
  remove_flows([](const shadowtap_flow& flow) {
    return (flow.flags & SHADOWTAP_FLOW_TARGET) != 0;
  });
}

Result<> KernelObject::set_leaf(std::uint32_t ifindex, bool leaf) {
  const shadowtap_interface value{.leaf = leaf};
  if (::bpf_map_update_elem(bpf_map__fd(object_->maps.shadowtap_interfaces), &ifindex, &value,
                            BPF_ANY))
    return errno_error("describe interface " + std::to_string(ifindex));
  return {};
}

void KernelObject::forget_interface(std::uint32_t ifindex) {
  ::bpf_map_delete_elem(bpf_map__fd(object_->maps.shadowtap_interfaces), &ifindex);
}

void KernelObject::sum_counts(std::uint32_t service, std::vector<std::uint64_t>& sum) const {
  const int cpus = ::libbpf_num_possible_cpus();
  if (cpus <= 0) return;
  std::vector<shadowtap_counts> counts(static_cast<std::size_t>(cpus));
  if (::bpf_map_lookup_elem(bpf_map__fd(object_->maps.shadowtap_counts), &service, counts.data()))
    return;
  for (const shadowtap_counts& cpu : counts)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += cpu.n[i];
}

PacketCounts KernelObject::packets(std::size_t service) const {
  std::vector<std::uint64_t> sum(SHADOWTAP_COUNTERS);
  sum_counts(static_cast<std::uint32_t>(service), sum);
  return to_packet_counts(sum);
}

PacketCounts KernelObject::packets() const {
  std::vector<std::uint64_t> sum(SHADOWTAP_COUNTERS);
  for (std::uint32_t service = 0; service < services_; ++service) sum_counts(service, sum);
  sum_counts(SHADOWTAP_MAX_SERVICES, sum);  // no service known
  return to_packet_counts(sum);
}

namespace {

// Of what is left out no side is ever seen, of what is lost none starts; and such a flow,
// forgotten, would come back as another one, without what is known of it.
bool is_half_open(const shadowtap_flow& flow) {
  return !(flow.flags & (SHADOWTAP_FLOW_OURS | SHADOWTAP_FLOW_TARGET)) &&
         !(flow.sides[SHADOWTAP_TO_CLIENT].flags & (SHADOWTAP_SIDE_STARTED | SHADOWTAP_SIDE_SEEN));
}

}  // namespace

std::size_t KernelObject::remove_flows(
    const std::function<bool(const shadowtap_flow&)>& is_over) {
  const int map = bpf_map__fd(object_->maps.shadowtap_flows);
  std::size_t removed = 0;
  std::uint64_t key = 0, next = 0;
  bool more = ::bpf_map_get_next_key(map, nullptr, &next) == 0;
  // Bounded: where the kernel removes the key meanwhile, the walk begins again.
  for (std::size_t steps = 0; more && steps < 2 * kMostFlows; ++steps) {
    key = next;
    more = ::bpf_map_get_next_key(map, &key, &next) == 0;
    shadowtap_flow flow{};
    if (::bpf_map_lookup_elem(map, &key, &flow) || !is_over(flow)) continue;
    removed += ::bpf_map_delete_elem(map, &key) == 0;
  }
  return removed;
}

std::size_t KernelObject::sweep_flows(Duration idle, Duration half_open_idle) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const Duration now_ns = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return remove_flows([&](const shadowtap_flow& flow) {
    const Duration limit = is_half_open(flow) ? std::min(idle, half_open_idle) : idle;
    return Duration(flow.seen_ns) + limit <= now_ns;
  });
}

}  // namespace shadowtap::capture
