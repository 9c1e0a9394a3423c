#include "agent/capture/hook.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <utility>

#include "agent/capture/qdisc.h"

namespace shadowtap::capture {
namespace {

constexpr std::uint32_t kBefore = 1U << 3;  // BPF_F_BEFORE without a relative: the head

constexpr std::uint32_t kLoopback = 1;

bpf_tc_attach_point to_tc(HookPoint point) {
  return point == HookPoint::kIngress ? BPF_TC_INGRESS : BPF_TC_EGRESS;
}

std::string describe(std::uint32_t ifindex, HookPoint point) {
  return std::string(name_of(point)) + " of interface " + std::to_string(ifindex);
}

// A filter of ours says who made the qdisc that it is in.
bool made_by_us(std::uint32_t ifindex) {
  const auto filters = filters_of(ifindex);
  return filters && std::ranges::any_of(*filters, [](const Filter& filter) {
    return is_ours(filter) && says_our_qdisc(filter.handle);
  });
}

// At the first priority that takes it, which is returned.
Result<std::uint32_t> add_filter(bpf_tc_hook qdisc, std::uint32_t handle, int program) {
  int error = 0;
  for (std::uint32_t priority = kFilterPriority; priority <= kLastFilterPriority; ++priority) {
    LIBBPF_OPTS(bpf_tc_opts, filter, .prog_fd = program, .flags = BPF_TC_F_REPLACE,
                .handle = handle, .priority = priority);
    error = ::bpf_tc_attach(&qdisc, &filter);
    if (error == 0) return priority;
    if (error != -EINVAL) break;  // "Specified filter kind does not match existing one"
  }
  return errno_error("attach a clsact filter", -error);
}

}  // namespace

const char* name_of(HookPoint point) {
  return point == HookPoint::kIngress ? "ingress" : "egress";
}

const char* name_of(Mechanism mechanism) {
  return mechanism == Mechanism::kTcx ? "tcx" : "clsact";
}

Hook::Hook(Hook&& other) noexcept
    : ifindex_(other.ifindex_),
      point_(other.point_),
      link_(std::move(other.link_)),
      handle_(std::exchange(other.handle_, 0)),
      priority_(other.priority_) {}

Hook& Hook::operator=(Hook&& other) noexcept {
  if (this == &other) return *this;
  detach();
  ifindex_ = other.ifindex_;
  point_ = other.point_;
  link_ = std::move(other.link_);
  handle_ = std::exchange(other.handle_, 0);
  priority_ = other.priority_;
  return *this;
}

Result<Hook> Hook::attach_tcx(std::uint32_t ifindex, HookPoint point, int program) {
  LIBBPF_OPTS(bpf_link_create_opts, options, .flags = kBefore);
  const auto type = static_cast<bpf_attach_type>(tcx_attach_type(point));
  const int fd = ::bpf_link_create(program, static_cast<int>(ifindex), type, &options);
  if (fd < 0) return errno_error("attach a TCX link to " + describe(ifindex, point), -fd);
  Hook hook(ifindex, point);
  hook.link_.reset(fd);
  return hook;
}

Result<Hook> Hook::attach_clsact(std::uint32_t ifindex, HookPoint point, int program,
                                 bool our_qdisc) {
  LIBBPF_OPTS(bpf_tc_hook, qdisc, .ifindex = static_cast<int>(ifindex),
              .attach_point = to_tc(point));
  const int made = ::bpf_tc_hook_create(&qdisc);
  if (made && made != -EEXIST)
    return errno_error("make a clsact qdisc on " + describe(ifindex, point), -made);
  const bool ours = made == 0 || made_by_us(ifindex);
  if (!ours)
    if (auto place = check_place_of_clsact(ifindex); !place) return place.error();
  const std::uint32_t handle = handle_of(point, ours || our_qdisc);
  const auto priority = add_filter(qdisc, handle, program);
  if (!priority) {
    if (made == 0) remove_unused_qdisc(ifindex);
    Error error = priority.error();
    error.context += " to " + describe(ifindex, point);
    return error;
  }
  Hook hook(ifindex, point);
  hook.handle_ = handle;
  hook.priority_ = *priority;
  return hook;
}

bool Hook::is_there() const {
  if (!link_) {
    if (!handle_) return false;
    const auto filters = filters_of(ifindex_);
    return !filters || std::ranges::any_of(*filters, [this](const Filter& filter) {
      return is_ours(filter) && filter.point == point_ && filter.handle == handle_;
    });
  }
  bpf_link_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(link_.get(), &info, &size)) return false;
  return info.xdp.ifindex == ifindex_;  // where TCX links have theirs as well; 0: detached
}

Result<> Hook::move_to_head(int program) {
  const bool tcx = mechanism() == Mechanism::kTcx;
  const bool our_qdisc = detach().our_qdisc_stays;
  auto again = tcx ? attach_tcx(ifindex_, point_, program)
                   : attach_clsact(ifindex_, point_, program, our_qdisc);
  if (!again) return again.error();
  *this = std::move(*again);
  return {};
}

Removed Hook::detach() {
  link_.reset();
  if (!handle_) return {};
  return remove_filter(ifindex_, {.point = point_, .priority = priority_,
                                  .handle = std::exchange(handle_, 0), .kind = {}, .name = {}});
}

void Hook::abandon() {
  link_.reset();
  handle_ = 0;
}

bool takes_tcx(int program) {
  return Hook::attach_tcx(kLoopback, HookPoint::kIngress, program).has_value();
}

}  // namespace shadowtap::capture
