#include "agent/capture/attachments.h"

#include <algorithm>
#include <cerrno>

#include "agent/base/log.h"
#include "agent/capture/chain.h"

namespace shadowtap::capture {

const InterfaceChoice* Attachments::choice_of(const Interface& interface) const {
  const auto found = std::ranges::find(choices_, interface.name, &InterfaceChoice::name);
  return found == choices_.end() ? nullptr : &*found;
}

bool Attachments::wanted(const Interface& interface) const {
  if (!interface.up) return false;  // a notice follows when it comes up
  return choices_.empty() ? can_carry(interface) : choice_of(interface) != nullptr;
}

bool Attachments::judge(const Interface& interface) const {
  const InterfaceChoice* choice = choice_of(interface);
  if (!choice || choice->kind == InterfaceChoice::Kind::kFound) return is_leaf(interface);
  return choice->kind == InterfaceChoice::Kind::kLeaf;
}

Result<> Attachments::add(const Interface& interface) {
  const bool leaf = judge(interface);
  if (auto described = kernel_.set_leaf(interface.ifindex, leaf); !described) return described;
  Attached attached{interface.name, leaf, false, {}};
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    // On lo every packet passes both; one is enough.
    if (interface.loopback && point == HookPoint::kEgress) continue;
    const int program = kernel_.program(point, has_link_layer(interface));
    auto hook = use_tcx_ ? Hook::attach_tcx(interface.ifindex, point, program)
                         : Hook::attach_clsact(interface.ifindex, point, program);
    if (!hook) return hook.error();
    attached.hooks.push_back(std::move(*hook));
  }
  attached.hidden = is_hidden(interface, attached.hooks);
  attached_.insert_or_assign(interface.ifindex, std::move(attached));
  return {};
}

bool Attachments::is_hidden(const Interface& interface, const std::vector<Hook>& hooks) const {
  bool hidden = false;
  for (const Hook& hook : hooks) {
    const auto chain = chain_of(interface.ifindex, hook.point());
    const std::string by = hidden_by(chain, hook.mechanism());
    if (by.empty()) continue;
    hidden = true;
    spdlog::warn("{} of {}: {} runs before us and may hide all traffic ({})",
                 name_of(hook.point()), interface.name, by, describe(chain));
  }
  return hidden;
}

bool Attachments::all_hidden() const {
  return !attached_.empty() &&
         std::ranges::all_of(attached_, [](const auto& one) { return one.second.hidden; });
}

void Attachments::drop(std::uint32_t ifindex, bool interface_is_there) {
  const auto found = attached_.find(ifindex);
  if (found == attached_.end()) return;
  if (!interface_is_there)
    for (Hook& hook : found->second.hooks) hook.abandon();
  attached_.erase(found);
  kernel_.forget_interface(ifindex);
}

void Attachments::drop_lost() {
  std::vector<std::uint32_t> lost;
  for (const auto& [ifindex, attached] : attached_)
    if (!std::ranges::all_of(attached.hooks, &Hook::is_there)) lost.push_back(ifindex);
  for (const std::uint32_t ifindex : lost) {
    spdlog::debug("our program is gone from {}", attached_.at(ifindex).name);
    drop(ifindex, true);
  }
}

Result<> Attachments::reconcile(const std::vector<Interface>& interfaces, std::size_t most) {
  std::vector<std::uint32_t> gone;
  for (const auto& [ifindex, attached] : attached_)
    if (std::ranges::find(interfaces, ifindex, &Interface::ifindex) == interfaces.end())
      gone.push_back(ifindex);
  for (const std::uint32_t ifindex : gone) drop(ifindex, false);
  Result<> result;
  unfinished_ = false;
  for (const Interface& interface : interfaces) {
    const auto found = attached_.find(interface.ifindex);
    if (found != attached_.end()) {
      found->second.name = interface.name;
      if (const bool leaf = judge(interface); leaf != found->second.leaf) {
        found->second.leaf = leaf;
        if (auto set = kernel_.set_leaf(interface.ifindex, leaf); !set && result) result = set;
      }
      continue;
    }
    if (!wanted(interface)) continue;
    if (most == 0) {
      unfinished_ = true;
      break;
    }
    --most;
    auto added = add(interface);
    if (added || added.error().code.value() == ENODEV) continue;  // went away meanwhile
    spdlog::warn("cannot watch {}: {}", interface.name, added.error().message());
    if (result) result = added;
  }
  return result;
}

void Attachments::detach() {
  while (!attached_.empty()) drop(attached_.begin()->first, true);
}

std::vector<AttachedAt> Attachments::list() const {
  std::vector<AttachedAt> list;
  for (const auto& [ifindex, attached] : attached_)
    for (const Hook& hook : attached.hooks)
      list.push_back({attached.name, name_of(hook.point()), name_of(hook.mechanism())});
  return list;
}

}  // namespace shadowtap::capture
