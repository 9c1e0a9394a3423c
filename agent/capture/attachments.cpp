#include "agent/capture/attachments.h"

#include <algorithm>
#include <cerrno>

#include "agent/base/log.h"

namespace shadowtap::capture {
namespace {

constexpr int kMostReturns = 3;  // to the head of an interface's hooks: no arms race
constexpr int kLookAtOnce = 16;  // interfaces a turn; asking costs some 30 µs a hook

}  // namespace

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
  Attached attached;
  attached.name = interface.name;
  attached.leaf = leaf;
  attached.loopback = interface.loopback;
  attached.link_layer = has_link_layer(interface);
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    // On lo every packet passes both; one is enough.
    if (interface.loopback && point == HookPoint::kEgress) continue;
    const int program = kernel_.program(point, attached.link_layer);
    auto hook = use_tcx_ ? Hook::attach_tcx(interface.ifindex, point, program)
                         : Hook::attach_clsact(interface.ifindex, point, program);
    if (!hook) return hook.error();
    attached.hooks.push_back(std::move(*hook));
  }
  look_ahead(interface.ifindex, attached);
  attached_.insert_or_assign(interface.ifindex, std::move(attached));
  return {};
}

Chain Attachments::ahead_at(std::uint32_t ifindex, const Hook& hook) const {
  return ahead_of_us(chain_of(ifindex, hook.point(), kernel_.program_ids()));
}

// Only what runs by our own mechanism can be overtaken.
void Attachments::return_to_head(std::uint32_t ifindex, Attached& attached) {
  for (Hook& hook : attached.hooks) {
    const Chain ahead = ahead_at(ifindex, hook);
    if (std::ranges::find(ahead, hook.mechanism(), &ChainLink::mechanism) == ahead.end()) continue;
    if (attached.returns == kMostReturns) return;
    ++attached.returns;
    const int program = kernel_.program(hook.point(), attached.link_layer);
    if (auto moved = hook.move_to_head(program); !moved)
      spdlog::warn("{}: {}", attached.name, moved.error().message());
  }
}

// Says who runs before us, whenever that changes.
void Attachments::look_ahead(std::uint32_t ifindex, Attached& attached) {
  std::string text;
  attached.hidden_by.clear();
  for (const Hook& hook : attached.hooks) {
    const Chain ahead = ahead_at(ifindex, hook);
    if (ahead.empty()) continue;
    if (attached.hidden_by.empty()) attached.hidden_by = ends_the_chain(ahead);
    text += std::string(text.empty() ? "" : "; ") + name_of(hook.point()) + ": " + describe(ahead);
  }
  if (text != attached.ahead && !text.empty())
    spdlog::warn("{}: what runs before us {} ({})", attached.name,
                 attached.hidden_by.empty() ? "may keep packets from us" : "hides all traffic from us",
                 text);
  attached.ahead = std::move(text);
}

void Attachments::verify() {
  drop_lost();
  auto next = attached_.upper_bound(looked_at_);
  for (int i = 0; i < kLookAtOnce && i < static_cast<int>(attached_.size()); ++i, ++next) {
    if (next == attached_.end()) next = attached_.begin();
    looked_at_ = next->first;
    return_to_head(next->first, next->second);
    look_ahead(next->first, next->second);
  }
}

// Where we found the interfaces ourselves lo does not count: nobody's traffic but the
// host's own crosses it, and nobody hides that.
bool Attachments::all_hidden() const {
  std::size_t counted = 0;
  for (const auto& [ifindex, attached] : attached_) {
    if (attached.loopback && choices_.empty()) continue;
    if (attached.hidden_by.empty()) return false;
    ++counted;
  }
  return counted > 0;
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
      list.push_back({attached.name, name_of(hook.point()), name_of(hook.mechanism()),
                      attached.hidden_by});
  return list;
}

}  // namespace shadowtap::capture
