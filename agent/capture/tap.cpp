#include "agent/capture/tap.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "agent/capture/attachments.h"
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
constexpr seconds kVerifyEvery{5};  // that nobody removed our programs
constexpr seconds kSweepEvery{15};
constexpr seconds kFlowIdle{120};

class LiveTap final : public Tap {
 public:
  LiveTap(TapOptions options, std::unique_ptr<KernelObject> kernel,
          std::unique_ptr<NamespaceThread> inside)
      : options_(std::move(options)), kernel_(std::move(kernel)), inside_(std::move(inside)) {}
  ~LiveTap() override { detach(); }

  Ring& ring(std::size_t shard) override { return kernel_->ring(shard); }
  Result<> exclude(const std::vector<Endpoint>& targets) override;
  Result<> attach() override;
  int follow_descriptor() const override { return notices_ ? notices_->descriptor() : -1; }
  void follow() override;
  std::vector<AttachedAt> attachments() const override;
  PacketCounts packets() const override { return kernel_->packets(); }
  PacketCounts packets(std::size_t service) const override { return kernel_->packets(service); }
  std::size_t ring_bytes() const override { return kernel_->ring_bytes(); }
  double ns_per_packet() const override { return kernel_->ns_per_run(); }
  void detach() override;

 private:
  Result<> attach_here();
  Result<> check_choices(const std::vector<Interface>& interfaces) const;

  TapOptions options_;
  std::unique_ptr<KernelObject> kernel_;
  std::unique_ptr<NamespaceThread> inside_;
  UniqueFd claim_;  // while attached by clsact
  std::optional<Netlink> notices_;
  std::optional<Attachments> attachments_;
  Time changed_{};
  Time verified_{};
  Time swept_{};
};

Result<> LiveTap::exclude(const std::vector<Endpoint>& targets) {
  for (const Endpoint& target : targets)
    if (auto excluded = kernel_->exclude(target); !excluded) return excluded;
  return {};
}

Result<> LiveTap::check_choices(const std::vector<Interface>& interfaces) const {
  for (const InterfaceChoice& choice : options_.interfaces)
    if (std::ranges::find(interfaces, choice.name, &Interface::name) == interfaces.end())
      return plain_error("no interface '" + choice.name + "' here (see: ip link)");
  return {};
}

Result<> LiveTap::attach() {
  Result<> result;
  inside_->run([&] { result = attach_here(); });
  if (!result) detach();
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
  if (!interfaces) return interfaces.error();
  if (auto checked = check_choices(*interfaces); !checked) return checked;
  const bool tcx = !options_.force_clsact &&
                   takes_tcx(kernel_->program(HookPoint::kIngress, true));
  if (!tcx && !claim_)
    return plain_error("another shadowtap watches this namespace by clsact: stop it first");
  if (tcx) claim_.reset();  // links clean up after themselves; several agents may attach
  attachments_.emplace(*kernel_, options_.interfaces, tcx);
  auto attached = attachments_->reconcile(*interfaces, interfaces->size());
  if (attachments_->list().empty())
    return attached ? plain_error("no interface is up that could carry the port") : attached;
  if (attachments_->all_hidden())
    return plain_error("another program would hide all traffic from us (see: shadowtap check)");
  changed_ = verified_ = swept_ = std::chrono::steady_clock::now();
  return options_.interfaces.empty() ? Result<>() : attached;
}

void LiveTap::follow() {
  if (!notices_ || !attachments_) return;
  const Time now = std::chrono::steady_clock::now();
  bool changed = false;
  const bool all_read = notices_->read_notices([&](const nlmsghdr&) { changed = true; });
  if (changed || !all_read) changed_ = now;
  const bool verify = now - verified_ >= kVerifyEvery;
  if (verify) verified_ = now;
  if (verify || attachments_->unfinished() || now - changed_ < kSettle) {
    inside_->run([&] {
      if (verify) attachments_->verify();
      if (auto interfaces = list_interfaces())
        static_cast<void>(attachments_->reconcile(*interfaces, kAttachAtOnce).has_value());
    });
  }
  if (now - swept_ < kSweepEvery) return;
  swept_ = now;
  kernel_->sweep_flows(kFlowIdle);
}

std::vector<AttachedAt> LiveTap::attachments() const {
  return attachments_ ? attachments_->list() : std::vector<AttachedAt>();
}

void LiveTap::detach() {
  if (!attachments_) return;
  inside_->run([&] { attachments_->detach(); });
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
