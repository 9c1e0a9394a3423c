#include "agent/capture/qdisc.h"

#include <bpf/libbpf.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <sys/socket.h>

#include <algorithm>

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

void read_filters(Netlink& netlink, std::uint32_t ifindex, HookPoint point,
                  std::vector<Filter>& filters) {
  tcmsg header{};
  header.tcm_family = AF_UNSPEC;
  header.tcm_ifindex = static_cast<int>(ifindex);
  header.tcm_parent = TC_H_MAKE(
      TC_H_CLSACT, point == HookPoint::kIngress ? TC_H_MIN_INGRESS : TC_H_MIN_EGRESS);
  const auto listed = netlink.dump(RTM_GETTFILTER, std::as_bytes(std::span(&header, 1)), [&](const nlmsghdr& message) {
    const auto& found = header_of<tcmsg>(message);
    if (message.nlmsg_type != RTM_NEWTFILTER || !found.tcm_handle) return;
    Filter filter{.point = point, .priority = found.tcm_info >> 16, .handle = found.tcm_handle,
                  .kind = {}, .name = {}};
    each_attribute(message, sizeof(tcmsg), [&](const rtattr& attribute) {
      if (attribute.rta_type == TCA_KIND) filter.kind = text_of(attribute);
      if (attribute.rta_type == TCA_OPTIONS && filter.kind == "bpf") read_options(attribute, filter);
    });
    filters.push_back(std::move(filter));
  });
  static_cast<void>(listed.has_value());  // no qdisc: no filters
}

}  // namespace

std::vector<Filter> filters_of(std::uint32_t ifindex) {
  std::vector<Filter> filters;
  auto netlink = Netlink::open(0);
  if (!netlink) return filters;
  read_filters(*netlink, ifindex, HookPoint::kIngress, filters);
  read_filters(*netlink, ifindex, HookPoint::kEgress, filters);
  return filters;
}

bool is_ours(const Filter& filter) {
  return filter.kind == "bpf" && filter.name.starts_with("shadowtap_") &&
         (filter.handle == kHandleOnOurQdisc || filter.handle == kHandleOnForeignQdisc);
}

Removed remove_filter(std::uint32_t ifindex, const Filter& ours) {
  Removed removed;
  LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(ifindex),
              .attach_point = ours.point == HookPoint::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
  LIBBPF_OPTS(bpf_tc_opts, options, .handle = ours.handle, .priority = ours.priority);
  removed.filter = ::bpf_tc_detach(&hook, &options) == 0;
  if (ours.handle != kHandleOnOurQdisc || !filters_of(ifindex).empty()) return removed;
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  removed.qdisc = ::bpf_tc_hook_destroy(&hook) == 0;
  return removed;
}

}  // namespace shadowtap::capture
