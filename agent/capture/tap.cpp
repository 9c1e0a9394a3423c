#include "agent/capture/tap.h"

#include <linux/capability.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "agent/base/log.h"
#include "agent/capture/attachments.h"
#include "agent/capture/capabilities.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/leftovers.h"
#include "agent/capture/namespace_thread.h"
#include "agent/capture/netlink.h"

namespace shadowtap::capture {
namespace {

using std::chrono::seconds;

// A route may come a little after its interface and address, and we do not listen to
// routes: a router has too many.
constexpr seconds kSettle{3};
constexpr std::size_t kAttachAtOnce = 8;
constexpr int kMostLists = 5;  // at the start, on a host where interfaces come and go
constexpr seconds kSweepEvery{15};
constexpr seconds kFlowIdle{120};

class LiveTap final : public Tap {
 public:
  LiveTap(TapOptions options, std::unique_ptr<KernelObject> kernel,
          std::unique_ptr<NamespaceThread> inside)
      : options_(std::move(options)), kernel_(std::move(kernel)), inside_(std::move(inside)) {}
  ~LiveTap() override { detach(); }

  Ring& ring(std::size_t shard) override { return kernel_->ring(shard); }
  Result<> exclude(const std::vector<Endpoint>& targets) override {
    return kernel_->exclude(targets);
  }
  Result<> attach() override;
  int follow_descriptor() const override { return notices_ ? notices_->descriptor() : -1; }
  void follow() override;
  Result<std::string> drop_privileges(PrivilegesKept kept) override;
  std::vector<AttachedAt> attachments() const override;
  PacketCounts packets() const override { return kernel_->packets(); }
  PacketCounts packets(std::size_t service) const override { return kernel_->packets(service); }
  std::size_t ring_bytes() const override { return kernel_->ring_bytes(); }
  double ns_per_packet() const override { return kernel_->ns_per_run(); }
  void detach() override;

 private:
  Result<> attach_here();
  bool lives_on();
  void let_go();
  void keep_attached(Time now, bool verify);
  void leave_namespace();
  void come_back();
  Result<> check_choices(const std::vector<Interface>& interfaces) const;

  TapOptions options_;
  std::unique_ptr<KernelObject> kernel_;
  std::unique_ptr<NamespaceThread> inside_;  // null: its namespace was let go
  bool comes_back_ = false;                  // to a new one at the same path
  UniqueFd claim_;  // while attached by clsact
  std::optional<Netlink> notices_;
  std::optional<Attachments> attachments_;
  Time changed_{};
  Time verified_{};
  Time swept_{};
};

Result<> LiveTap::check_choices(const std::vector<Interface>& interfaces) const {
  for (const InterfaceChoice& choice : options_.interfaces)
    if (std::ranges::find(interfaces, choice.name, &Interface::name) == interfaces.end())
      return plain_error("no interface '" + choice.name + "' here (see: ip link)");
  return {};
}

Result<> LiveTap::attach() {
  Result<> result;
  inside_->run([&] { result = attach_here(); });
  if (!result) let_go();
  return result;
}

Result<> LiveTap::attach_here() {
  claim_ = claim_filters();
  if (claim_)
    if (auto removed = remove_leftovers_here(false); !removed) return removed.error();
  // Before the list, so that no change falls between.
  auto notices = Netlink::open(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!notices) return notices.error();
  notices_.emplace(std::move(*notices));
  auto interfaces = list_interfaces();
  for (int i = 0; i < kMostLists && !interfaces; ++i) interfaces = list_interfaces();
  if (!interfaces) return interfaces.error();
  if (auto checked = check_choices(*interfaces); !checked) return checked;
  const bool tcx = !options_.force_clsact &&
                   takes_tcx(kernel_->program(HookPoint::kIngress, true));
  if (!tcx && !claim_)
    return plain_error("another shadowtap watches this namespace by clsact: stop it first");
  if (tcx) claim_.reset();  // links clean up after themselves; several agents may attach
  const Time now = std::chrono::steady_clock::now();
  attachments_.emplace(*kernel_, options_, tcx);
  auto attached = attachments_->reconcile(*interfaces, interfaces->size(), now);
  if (attachments_->list().empty())
    return attached ? plain_error("no interface is up that could carry the port") : attached;
  if (attachments_->all_hidden())
    return plain_error("another program would hide all traffic from us (see: shadowtap check)");
  changed_ = verified_ = swept_ = now;
  return options_.interfaces.empty() ? Result<>() : attached;
}

void LiveTap::follow() {
  const Time now = std::chrono::steady_clock::now();
  const bool verify = now - verified_ >= options_.verify_every;
  if (verify) verified_ = now;
  if (verify && attachments_ && !inside_->path_leads_here() && !lives_on()) leave_namespace();
  if (verify && comes_back_) come_back();
  if (attachments_) keep_attached(now, verify);
}

void LiveTap::keep_attached(Time now, bool verify) {
  bool changed = false;
  const bool all_read = notices_->read_notices([&](const nlmsghdr&) { changed = true; });
  if (changed || !all_read) changed_ = now;
  if (verify || attachments_->unfinished() || now - changed_ < kSettle) {
    inside_->run([&] {
      if (verify) attachments_->verify();
      if (auto interfaces = list_interfaces())
        static_cast<void>(attachments_->reconcile(*interfaces, kAttachAtOnce, now).has_value());
    });
  }
  if (now - swept_ < kSweepEvery) return;
  swept_ = now;
  kernel_->sweep_flows(kFlowIdle);
}

// A container that is started again leaves its pod's namespace as it is: there are interfaces
// in it until the pod goes.
bool LiveTap::lives_on() {
  if (!options_.netns.starts_with("/proc/")) return false;
  bool any = false;
  inside_->run([&] {
    const auto interfaces = list_interfaces();
    any = interfaces && std::ranges::any_of(*interfaces, [](const auto& one) { return !one.loopback; });
  });
  return any;
}

// Held by us, a namespace whose owner removed it keeps the names of its interfaces taken,
// and a NIC in it from coming back. A process's number may become another's: no way back.
void LiveTap::leave_namespace() {
  let_go();
  inside_.reset();
  comes_back_ = !options_.netns.starts_with("/proc/") && has_capability(CAP_SYS_ADMIN);
  spdlog::warn("network namespace {} is gone, nothing is captured: {}", options_.netns,
               comes_back_ ? "it is entered again when it is back"
                           : "shadowtap must be started again for the one in its place");
}

void LiveTap::come_back() {
  auto inside = NamespaceThread::start(options_.netns);
  if (!inside) return;
  inside_ = std::move(*inside);
  const auto attached = attach();
  comes_back_ = !attached;  // its interfaces may not be up yet
  if (attached) {
    spdlog::info("network namespace {} is back and watched", options_.netns);
  } else {
    spdlog::debug("network namespace {}: {}", options_.netns, attached.error().message());
    inside_.reset();
  }
}

// clsact filters need CAP_NET_ADMIN for each interface to come, SO_MARK for each socket.
Result<std::string> LiveTap::drop_privileges(PrivilegesKept kept) {
  kept.net_admin = kept.net_admin || options_.mark != 0 || claim_;
  Result<> inside;
  if (inside_ && !options_.netns.empty())
    inside_->run([&] { inside = drop_capabilities(kept); });
  if (!inside) return inside.error();
  return capture::drop_privileges(kept);
}

std::vector<AttachedAt> LiveTap::attachments() const {
  return attachments_ ? attachments_->list() : std::vector<AttachedAt>();
}

void LiveTap::detach() {
  comes_back_ = false;
  let_go();
}

void LiveTap::let_go() {
  if (attachments_) inside_->run([&] { attachments_->detach(); });
  attachments_.reset();
  claim_.reset();
  notices_.reset();
}

}  // namespace

Result<std::unique_ptr<Tap>> Tap::load(const TapOptions& options) {
  auto inside = NamespaceThread::start(options.netns);
  if (!inside) return inside.error();
  auto kernel = KernelObject::load(options);
  if (!kernel) return kernel.error();
  return std::unique_ptr<Tap>(
      std::make_unique<LiveTap>(options, std::move(*kernel), std::move(*inside)));
}

}  // namespace shadowtap::capture
