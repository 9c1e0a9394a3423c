// One program at one hook of one interface: a TCX link at the head, else a clsact filter.
// Detaches exactly what it added.
//
// Must be made, and on clsact destroyed, in the interface's network namespace. Control
// thread or the NamespaceThread.
#pragma once

#include <cstdint>
#include <string>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/qdisc.h"

namespace shadowtap::capture {

enum class Mechanism : std::uint8_t { kTcx, kClsact };

// Our filters' place in clsact: before everybody else's, unless that priority belongs to
// filters of another kind; then the first that does not.
constexpr std::uint32_t kFilterPriority = 1;
constexpr std::uint32_t kLastFilterPriority = 16;

// The handle says who made the qdisc, so that a later start knows whether it may go. It
// differs by hook: neither filter can replace the other.
constexpr std::uint32_t kFirstHandle = 0x73746150;
constexpr std::uint32_t handle_of(HookPoint point, bool our_qdisc) {
  return kFirstHandle + (point == HookPoint::kEgress ? 2U : 0U) + (our_qdisc ? 1U : 0U);
}
constexpr bool is_our_handle(std::uint32_t handle) { return (handle & ~3U) == kFirstHandle; }
constexpr bool says_our_qdisc(std::uint32_t handle) {
  return is_our_handle(handle) && (handle & 1U) != 0;
}

class Hook {
 public:
  static Result<Hook> attach_tcx(std::uint32_t ifindex, HookPoint point, int program);
  // `our_qdisc`: the clsact qdisc that may be there already is known to be made by us.
  static Result<Hook> attach_clsact(std::uint32_t ifindex, HookPoint point, int program,
                                    bool our_qdisc = false);
  Hook(Hook&& other) noexcept;
  Hook& operator=(Hook&& other) noexcept;
  ~Hook() { detach(); }

  HookPoint point() const { return point_; }
  Mechanism mechanism() const { return link_ ? Mechanism::kTcx : Mechanism::kClsact; }

  // In a clsact qdisc that we made.
  bool on_our_qdisc() const { return says_our_qdisc(handle_); }

  // False: somebody removed our filter, or the interface was in another namespace since.
  // True in doubt.
  bool is_there() const;

  // Detaches and attaches `program` anew, at the head. The packets between are not seen.
  Result<> move_to_head(int program);

  // On TCX nothing is reported as removed.
  Removed detach();

  // The interface is gone, and the filter with it: forget without detaching.
  void abandon();

 private:
  Hook(std::uint32_t ifindex, HookPoint point) : ifindex_(ifindex), point_(point) {}

  std::uint32_t ifindex_ = 0;
  HookPoint point_;
  UniqueFd link_;              // TCX
  std::uint32_t handle_ = 0;   // clsact; 0: nothing to remove
  std::uint32_t priority_ = 0;  // clsact
};

// The kernel's number for a TCX hook; newer than the headers of libbpf 1.1.
constexpr int tcx_attach_type(HookPoint point) {
  return point == HookPoint::kIngress ? 46 : 47;  // linux/bpf.h of 6.6
}

const char* name_of(HookPoint point);
const char* name_of(Mechanism mechanism);

// Whether this kernel takes TCX links: found by attaching `program` to lo and letting go.
bool takes_tcx(int program);

}  // namespace shadowtap::capture
