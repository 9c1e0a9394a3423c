#include "agent/capture/chain.h"

#include <bpf/bpf.h>

#include <algorithm>

#include "agent/capture/qdisc.h"

namespace shadowtap::capture {
namespace {

constexpr std::uint32_t kMostPrograms = 64;

std::string name_of_program(std::uint32_t id) {
  const UniqueFd program(::bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (!program || ::bpf_obj_get_info_by_fd(program.get(), &info, &size) || !info.name[0])
    return "id " + std::to_string(id);
  return info.name;
}

// Both names are cut at 15 characters by the kernel.
bool is_our_name(const std::string& name) { return name.starts_with("shadowtap_"); }

bool ends_the_chain(const ChainLink& link) { return link.program.starts_with("cil_"); }

}  // namespace

std::vector<ChainLink> chain_of(std::uint32_t ifindex, HookPoint point) {
  std::vector<ChainLink> chain;
  std::uint32_t ids[kMostPrograms] = {}, count = kMostPrograms;
  const auto type = static_cast<bpf_attach_type>(tcx_attach_type(point));
  // The target of this query is an interface; libbpf 1.1 calls it a descriptor.
  if (::bpf_prog_query(static_cast<int>(ifindex), type, 0, nullptr, ids, &count) == 0) {
    for (std::uint32_t i = 0; i < count; ++i) {
      ChainLink link{.mechanism = Mechanism::kTcx, .program = name_of_program(ids[i])};
      link.ours = is_our_name(link.program);
      chain.push_back(std::move(link));
    }
  }
  for (const Filter& filter : filters_of(ifindex)) {
    if (filter.point != point) continue;
    const std::string name = filter.name.empty() ? filter.kind : filter.name;
    chain.push_back({.mechanism = Mechanism::kClsact, .program = name,
                     .priority = filter.priority, .ours = is_ours(filter)});
  }
  return chain;
}

std::string describe(const std::vector<ChainLink>& chain) {
  std::string text;
  for (const ChainLink& link : chain) {
    if (!text.empty()) text += ", ";
    text += link.program;
    text += link.mechanism == Mechanism::kTcx
                ? " (tcx)"
                : " (clsact, priority " + std::to_string(link.priority) + ")";
  }
  return text;
}

std::string hidden_by(const std::vector<ChainLink>& chain, Mechanism mechanism) {
  for (const ChainLink& link : chain) {
    if (link.ours) return {};
    // We attach at the head of the mechanism: of its programs none is before us, unless
    // it got there later, and then we are in the chain.
    const bool we_are_there = std::ranges::any_of(chain, &ChainLink::ours);
    if (!we_are_there && link.mechanism == mechanism) return {};
    if (ends_the_chain(link)) return link.program;
  }
  return {};
}

}  // namespace shadowtap::capture
