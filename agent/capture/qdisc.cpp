#include "agent/capture/qdisc.h"

#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>

#include "agent/capture/hook.h"
#include "agent/capture/netlink.h"

namespace shadowtap::capture {
namespace {

void read_options(const rtattr& options, Filter& filter) {
  each_nested(options, [&](const rtattr& attribute) {
    if (attribute.rta_type == TCA_BPF_NAME) filter.name = text_of(attribute);
    if (attribute.rta_type == TCA_BPF_ID) filter.program = u32_of(attribute);
  });
}

using OnFilter = std::function<void(const Filter&)>;

void read_filter(const nlmsghdr& message, HookPoint point, const OnFilter& on_filter) {
  if (message.nlmsg_type != RTM_NEWTFILTER) return;
  const auto& found = header_of<tcmsg>(message);
  Filter filter{.point = point, .priority = found.tcm_info >> 16, .handle = found.tcm_handle,
                .kind = {}, .name = {}};
  each_attribute(message, sizeof(tcmsg), [&](const rtattr& attribute) {
    if (attribute.rta_type == TCA_KIND) filter.kind = text_of(attribute);
    if (attribute.rta_type == TCA_OPTIONS && filter.kind == "bpf") read_options(attribute, filter);
  });
  on_filter(filter);
}

// Also those without a handle, which stand for all of their kind at one priority.
Result<> each_filter(std::uint32_t ifindex, const OnFilter& on_filter) {
  auto netlink = Netlink::open(0);
  if (!netlink) return netlink.error();
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    tcmsg header{};
    header.tcm_family = AF_UNSPEC;
    header.tcm_ifindex = static_cast<int>(ifindex);
    header.tcm_parent = TC_H_MAKE(
        TC_H_CLSACT, point == HookPoint::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
    auto listed = netlink->dump(RTM_GETTFILTER, std::as_bytes(std::span(&header, 1)),
                                [&](const nlmsghdr& m) { read_filter(m, point, on_filter); });
    // A kernel without classifiers has no filters.
    if (!listed && listed.error().code.value() != EOPNOTSUPP) return listed;
  }
  return {};
}

bool is_at(const Filter& filter, const Filter& place) {
  return filter.point == place.point && filter.priority == place.priority &&
         filter.handle == place.handle;
}

// Empty: there is none. The kernel lists those of all interfaces; asked for one, it would
// tell everybody who listens.
Result<std::string> kind_at_place_of_clsact(std::uint32_t ifindex) {
  auto netlink = Netlink::open(0);
  if (!netlink) return netlink.error();
  std::string kind;
  const tcmsg all{};
  auto listed = netlink->dump(
      RTM_GETQDISC, std::as_bytes(std::span(&all, 1)), [&](const nlmsghdr& message) {
        const auto& qdisc = header_of<tcmsg>(message);
        if (message.nlmsg_type != RTM_NEWQDISC || qdisc.tcm_parent != TC_H_CLSACT ||
            qdisc.tcm_ifindex != static_cast<int>(ifindex))
          return;
        each_attribute(message, sizeof(tcmsg), [&](const rtattr& attribute) {
          if (attribute.rta_type == TCA_KIND) kind = text_of(attribute);
        });
      });
  if (!listed) return listed.error();
  return kind;
}

}  // namespace

Result<std::vector<Filter>> filters_of(std::uint32_t ifindex) {
  std::vector<Filter> filters;
  auto listed = each_filter(ifindex, [&](const Filter& filter) {
    if (filter.handle != 0) filters.push_back(filter);
  });
  if (!listed) return listed.error();
  return filters;
}

bool is_ours(const Filter& filter) {
  return filter.kind == "bpf" && filter.name.starts_with("shadowtap_") &&
         is_our_handle(filter.handle);
}

Result<> check_place_of_clsact(std::uint32_t ifindex) {
  const auto kind = kind_at_place_of_clsact(ifindex);
  if (!kind) return kind.error();
  if (kind->empty() || *kind == "clsact") return {};
  return plain_error("its qdisc `" + *kind + "` would run our egress filter at ingress; clsact "
                     "takes the same filters (tc qdisc del dev IF " + *kind +
                     "; tc qdisc add dev IF clsact), and Linux 6.6 needs none");
}

Removed remove_filter(std::uint32_t ifindex, const Filter& ours) {
  Removed removed;
  const auto filters = filters_of(ifindex);
  const auto is_it = [&](const Filter& filter) { return is_at(filter, ours) && is_ours(filter); };
  if (!filters || std::ranges::none_of(*filters, is_it)) return removed;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
              .attach_point = ours.point == HookPoint::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = ours.handle, .priority = ours.priority);
  removed.filter = ::bpf_tc_detach(&hook, &options) == 0;
  if (!removed.filter || !says_our_qdisc(ours.handle)) return removed;
  removed.qdisc = remove_unused_qdisc(ifindex);
  removed.our_qdisc_stays = !removed.qdisc;
  return removed;
}

bool remove_unused_qdisc(std::uint32_t ifindex) {
  bool used = false;
  const auto listed = each_filter(ifindex, [&](const Filter&) { used = true; });
  if (!listed || used) return false;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
              .attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS));
  return ::bpf_tc_hook_destroy(&hook) == 0;
}

}  // namespace shadowtap::capture
