#include "agent/capture/chain.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>

#include "agent/capture/qdisc.h"

namespace shadowtap::capture {
namespace {

constexpr std::uint32_t kMostPrograms = 64;  // of one hook: the kernel's limit

// Empty: we may not ask.
std::string name_of_program(std::uint32_t id) {
  const UniqueFd program(::bpf_prog_get_fd_by_id(id));
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (!program || ::bpf_obj_get_info_by_fd(program.get(), &info, &size)) return {};
  return info.name[0] ? info.name : "id " + std::to_string(id);
}

bool is_our_name(const std::string& name) { return name.starts_with("shadowtap"); }

ChainLink link_of(std::uint32_t id, std::span<const std::uint32_t> own) {
  const std::string name = name_of_program(id);
  ChainLink link{.program = name.empty() ? "id " + std::to_string(id) : name, .id = id,
                 .named = !name.empty()};
  link.ours = is_our_name(name) || std::ranges::find(own, id) != own.end();
  return link;
}

Result<Chain> tcx_chain_of(std::uint32_t ifindex, HookPoint point,
                           std::span<const std::uint32_t> own) {
  Chain chain;
  std::uint32_t ids[kMostPrograms] = {}, count = kMostPrograms;
  const auto type = static_cast<bpf_attach_type>(tcx_attach_type(point));
  // The target of this query is an interface; libbpf 1.1 calls it a descriptor.
  const int error = ::bpf_prog_query(static_cast<int>(ifindex), type, 0, nullptr, ids, &count);
  if (error == -ENOENT || error == -EINVAL) return chain;  // nobody; a kernel without TCX
  if (error) return errno_error("ask who runs at " + std::string(name_of(point)), -error);
  for (const std::uint32_t id : std::span(ids).first(count)) chain.push_back(link_of(id, own));
  return chain;
}

}  // namespace

Result<Chain> chain_of(std::uint32_t ifindex, HookPoint point,
                       std::span<const std::uint32_t> own) {
  auto chain = tcx_chain_of(ifindex, point, own);
  if (!chain) return chain;
  const auto filters = filters_of(ifindex);
  if (!filters) return filters.error();
  for (const Filter& filter : *filters) {
    if (filter.point != point) continue;
    chain->push_back({.mechanism = Mechanism::kClsact,
                      .program = filter.name.empty() ? filter.kind : filter.name,
                      .priority = filter.priority,
                      .is_bpf = filter.kind == "bpf",
                      .ours = is_ours(filter)});
  }
  return chain;
}

Chain with_us(Chain chain, Mechanism mechanism) {
  if (std::ranges::any_of(chain, &ChainLink::ours)) return chain;
  const auto runs_before_us = [mechanism](const ChainLink& link) {
    if (link.mechanism != mechanism) return mechanism == Mechanism::kClsact;
    return mechanism == Mechanism::kClsact && link.priority == kFilterPriority && !link.is_bpf;
  };
  chain.insert(std::ranges::find_if_not(chain, runs_before_us),
               {.mechanism = mechanism,
                .program = "shadowtap",
                .priority = mechanism == Mechanism::kClsact ? kFilterPriority : 0,
                .ours = true});
  return chain;
}

std::string describe(const Chain& chain) {
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

Chain ahead_of_us(const Chain& chain) {
  const auto us = std::ranges::find_if(chain, &ChainLink::ours);
  return us == chain.end() ? Chain() : Chain(chain.begin(), us);
}

std::string ends_the_chain(const Chain& chain) {
  const auto found = std::ranges::find_if(
      chain, [](const ChainLink& link) { return link.program.starts_with("cil_"); });
  return found == chain.end() ? std::string() : found->program;
}

std::string may_end_the_chain(const Chain& chain) {
  const auto found = std::ranges::find(chain, false, &ChainLink::named);
  return found == chain.end() ? std::string() : found->program;
}

}  // namespace shadowtap::capture
