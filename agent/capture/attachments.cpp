#include "agent/capture/attachments.h"

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "agent/base/log.h"

namespace shadowtap::capture {
namespace {

constexpr int kMostReturns = 3;  // to the head of an interface's hooks: no arms race
constexpr int kLookAtOnce = 16;  // interfaces a turn; asking costs some 30 µs a hook
// An interface that refused is left alone for so long, doubled each time.
constexpr std::chrono::seconds kFirstPause{1};
constexpr std::chrono::seconds kLastPause{30};

const InterfaceChoice* find(const std::vector<InterfaceChoice>& choices,
                            const std::string& name) {
  const auto found = std::ranges::find(choices, name, &InterfaceChoice::name);
  return found == choices.end() ? nullptr : &*found;
}

std::string who_hides(const Ahead& ahead) {
  std::string surely = ahead.hidden_by();
  const std::string perhaps = ahead.may_be_hidden_by();
  if (!surely.empty() || perhaps.empty()) return surely;
  return perhaps + " (perhaps: we may not ask what it is)";
}

}  // namespace

bool Attachments::wanted(const Interface& interface, Time now) const {
  if (!interface.up) return false;  // a notice follows when it comes up
  const auto refused = refused_.find(interface.ifindex);
  if (refused != refused_.end() && now < refused->second.until) return false;
  return named_.empty() ? can_carry(interface) : find(named_, interface.name) != nullptr;
}

// What was said of it, whatever its name is now.
InterfaceChoice::Kind Attachments::kind_of(const Interface& interface) {
  const auto said = said_kinds_.find(interface.ifindex);
  if (said != said_kinds_.end()) return said->second;
  for (const auto* choices : {&named_, &kinds_}) {
    const InterfaceChoice* choice = find(*choices, interface.name);
    if (!choice || choice->kind == Kind::kFound) continue;
    return said_kinds_[interface.ifindex] = choice->kind;
  }
  return Kind::kFound;
}

bool Attachments::judge(const Interface& interface) {
  const Kind kind = kind_of(interface);
  return kind == Kind::kFound ? is_leaf(interface) : kind == Kind::kLeaf;
}

Result<> Attachments::add(const Interface& interface) {
  Attached attached;
  attached.name = interface.name;
  attached.leaf = judge(interface);
  attached.loopback = interface.loopback;
  attached.link_layer = has_link_layer(interface);
  if (auto described = kernel_.set_leaf(interface.ifindex, attached.leaf); !described)
    return described;
  if (auto done = attach(interface, attached); !done) return done;
  look_ahead(interface.ifindex, attached);
  attached_.insert_or_assign(interface.ifindex, std::move(attached));
  return {};
}

Result<> Attachments::attach(const Interface& interface, Attached& attached) {
  const std::uint32_t ifindex = interface.ifindex;
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    // On lo every packet passes both; one is enough.
    if (interface.loopback && point == HookPoint::kEgress) continue;
    const int program = kernel_.program(point, attached.link_layer);
    auto hook = use_tcx_ ? Hook::attach_tcx(ifindex, point, program)
                         : Hook::attach_clsact(ifindex, point, program,
                                               our_qdiscs_.contains(ifindex));
    if (!hook) return hook.error();
    if (hook->on_our_qdisc()) our_qdiscs_.insert(ifindex);
    attached.hooks.push_back(std::move(*hook));
  }
  return {};
}

Result<> Attachments::try_to_add(const Interface& interface, Time now) {
  auto added = add(interface);
  if (added) {
    refused_.erase(interface.ifindex);
    return added;
  }
  kernel_.forget_interface(interface.ifindex);
  if (added.error().code.value() == ENODEV) return {};  // went away meanwhile
  const auto [refusal, first] = refused_.try_emplace(interface.ifindex, Refusal{now, kFirstPause});
  refusal->second.until = now + refusal->second.pause;
  refusal->second.pause = std::min(2 * refusal->second.pause, kLastPause);
  if (first) spdlog::warn("cannot watch {}: {}", interface.name, added.error().message());
  return added;
}

Result<> Attachments::keep(const Interface& interface, Attached& attached) {
  attached.name = interface.name;
  const bool leaf = judge(interface);
  if (leaf == attached.leaf) return {};
  auto set = kernel_.set_leaf(interface.ifindex, leaf);
  if (set) attached.leaf = leaf;
  return set;
}

Result<Chain> Attachments::chain_at(std::uint32_t ifindex, const Hook& hook) {
  auto chain = chain_of(ifindex, hook.point(), kernel_.program_ids());
  if (!chain && chain.error().code.value() == EPERM && !said_unknown_) {
    said_unknown_ = true;
    spdlog::info("whether other programs come before ours is not looked at any more: {}",
                 chain.error().message());
  }
  return chain;
}

// Only what runs by our own mechanism can be overtaken.
void Attachments::return_to_head(std::uint32_t ifindex, Attached& attached) {
  for (Hook& hook : attached.hooks) {
    const auto chain = chain_at(ifindex, hook);
    if (!chain) continue;
    const Chain ahead = ahead_of_us(*chain);
    const auto overtaken = std::ranges::find(ahead, hook.mechanism(), &ChainLink::mechanism);
    if (overtaken == ahead.end()) continue;
    if (attached.returns == kMostReturns) return;
    ++attached.returns;
    const int program = kernel_.program(hook.point(), attached.link_layer);
    if (auto moved = hook.move_to_head(program); !moved)
      spdlog::warn("{}: {}", attached.name, moved.error().message());
  }
}

// Says who runs before us, whenever that changes.
void Attachments::look_ahead(std::uint32_t ifindex, Attached& attached) {
  for (const Hook& hook : attached.hooks)
    attached.ahead.see(hook.point(), chain_at(ifindex, hook));
  std::string text = attached.ahead.text();
  const bool hidden = !attached.ahead.hidden_by().empty();
  if (text != attached.said_ahead && !text.empty())
    spdlog::warn("{}: what runs before us {} ({})", attached.name,
                 hidden ? "hides all traffic from us" : "may keep packets from us", text);
  attached.said_ahead = std::move(text);
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
    if (attached.loopback && named_.empty()) continue;
    if (attached.ahead.hidden_by().empty()) return false;
    ++counted;
  }
  return counted > 0;
}

// Where a filter of ours was still in a qdisc that we made, that qdisc stays ours.
void Attachments::drop(std::uint32_t ifindex) {
  const auto found = attached_.find(ifindex);
  if (found == attached_.end()) return;
  bool our_qdisc = false;
  for (Hook& hook : found->second.hooks) {
    const Removed removed = hook.detach();
    our_qdisc = (our_qdisc || removed.our_qdisc_stays) && !removed.qdisc;
  }
  if (!our_qdisc) our_qdiscs_.erase(ifindex);
  attached_.erase(found);
  kernel_.forget_interface(ifindex);
}

void Attachments::drop_gone(const std::vector<Interface>& interfaces) {
  std::set<std::uint32_t> there;
  for (const Interface& interface : interfaces) there.insert(interface.ifindex);
  const auto is_gone = [&](const auto& entry) { return !there.contains(entry.first); };
  for (auto& [ifindex, attached] : attached_) {
    if (there.contains(ifindex)) continue;
    for (Hook& hook : attached.hooks) hook.abandon();
    kernel_.forget_interface(ifindex);
  }
  std::erase_if(attached_, is_gone);
  std::erase_if(said_kinds_, is_gone);
  std::erase_if(refused_, is_gone);
}

void Attachments::drop_lost() {
  std::vector<std::uint32_t> lost;
  for (const auto& [ifindex, attached] : attached_)
    if (!std::ranges::all_of(attached.hooks, &Hook::is_there)) lost.push_back(ifindex);
  for (const std::uint32_t ifindex : lost) {
    spdlog::debug("our program is gone from {}", attached_.at(ifindex).name);
    drop(ifindex);
  }
}

Result<> Attachments::reconcile(const std::vector<Interface>& interfaces, std::size_t most,
                                Time now) {
  drop_gone(interfaces);
  Result<> result;
  unfinished_ = false;
  for (const Interface& interface : interfaces) {
    Result<> done;
    const auto found = attached_.find(interface.ifindex);
    if (found != attached_.end()) {
      done = keep(interface, found->second);
    } else if (wanted(interface, now)) {
      if (most == 0) {
        unfinished_ = true;
        continue;
      }
      done = try_to_add(interface, now);
      if (attached_.contains(interface.ifindex)) --most;
    }
    if (!done && result) result = done;
  }
  // Another may be made in its place while we are not there.
  std::erase_if(our_qdiscs_, [&](std::uint32_t at) { return !attached_.contains(at); });
  return result;
}

void Attachments::detach() {
  while (!attached_.empty()) drop(attached_.begin()->first);
}

std::vector<AttachedAt> Attachments::list() const {
  std::vector<AttachedAt> list;
  for (const auto& [ifindex, attached] : attached_) {
    const std::string hidden_by = who_hides(attached.ahead);
    for (const Hook& hook : attached.hooks)
      list.push_back(
          {attached.name, name_of(hook.point()), name_of(hook.mechanism()), hidden_by});
  }
  return list;
}

}  // namespace shadowtap::capture
