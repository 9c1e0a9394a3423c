#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agent/capture/attachments.h"
#include "agent/capture/capabilities.h"
#include "agent/capture/chain.h"
#include "agent/capture/hook.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/leftovers.h"
#include "agent/capture/namespace_thread.h"
#include "agent/capture/qdisc.h"
#include "agent/capture/self_test.h"

namespace shadowtap::capture {
namespace {

CheckLine check_kernel() {
  utsname name{};
  ::uname(&name);
  int major = 0, minor = 0;
  const int read = std::sscanf(name.release, "%d.%d", &major, &minor);
  return {.ok = read == 2 && (major > 6 || (major == 6 && minor >= 1)),
          .needed = false,  // vendors carry fixes back: loading decides
          .what = "kernel",
          .finding = name.release,
          .cure = "use Linux 6.1 or later"};
}

CheckLine check_btf() {
  const bool there = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  return {.ok = there, .needed = true, .what = "BTF",
          .finding = there ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux",
          .cure = "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys"};
}

CheckLine check_capabilities(bool other_namespace) {
  const std::string missing = missing_capabilities(other_namespace);
  return {.ok = missing.empty(), .needed = true, .what = "capabilities",
          .finding = missing.empty() ? "all there" : "missing: " + missing,
          .cure = "run as root, or give the missing ones (AmbientCapabilities= in a unit, "
                  "capabilities.add in a pod)"};
}

CheckLine check_program(const Result<std::unique_ptr<KernelObject>>& kernel) {
  return {.ok = kernel.has_value(), .needed = true, .what = "program",
          .finding = kernel ? "loads" : kernel.error().message(),
          .cure = "the lines above say what is missing; --log-level debug of `run` shows the "
                  "verifier's words"};
}

CheckLine check_tcx(bool tcx) {
  return {.ok = tcx, .needed = false, .what = "TCX",
          .finding = tcx ? "links can be attached" : "not there: clsact is used",
          .cure = "Linux 6.6 has it; without it run `shadowtap detach` after a crash"};
}

CheckLine check_interface(const Interface& interface, bool wanted_by_name) {
  const bool carries = can_carry(interface);
  std::string finding = is_leaf(interface) ? "pod, container or VM side" : "host side";
  if (!has_link_layer(interface)) finding += ", no link layer";
  if (!interface.up) finding = "down (watched as soon as it is up)";
  if (!carries) finding = "not watched (" + interface.kind + ")";
  return {.ok = carries || wanted_by_name, .needed = false,
          .what = "interface " + interface.name, .finding = finding,
          .cure = "name it with --interface to watch it all the same"};
}

void check_chain(const Interface& interface, Mechanism mechanism, std::vector<CheckLine>& lines) {
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    if (interface.loopback && point == HookPoint::kEgress) continue;  // we are not there
    const std::string what = std::string("order at ") + name_of(point) + " of " + interface.name;
    const auto found = chain_of(interface.ifindex, point);
    if (!found) {
      lines.push_back({.ok = false, .needed = false, .what = what,
                       .finding = found.error().message(), .cure = "run the check as root"});
      continue;
    }
    const Chain chain = with_us(*found, mechanism);
    if (chain.size() == 1) continue;
    const std::string hides = ends_the_chain(ahead_of_us(chain));
    lines.push_back({.ok = hides.empty(), .needed = !hides.empty(), .what = what,
                     .finding = describe(chain) +
                                (hides.empty() ? "" : ": " + hides + " would hide all traffic"),
                     .cure = "use a kernel with TCX (6.6), or let that program run later "
                             "(Cilium: bpf-filter-priority 2)"});
  }
}

void check_qdisc(const Interface& interface, std::vector<CheckLine>& lines) {
  const auto place = check_place_of_clsact(interface.ifindex);
  if (place) return;
  lines.push_back({.ok = false, .needed = false, .what = "qdisc of " + interface.name,
                   .finding = "not watched: " + place.error().message(),
                   .cure = "use clsact there, or a kernel with TCX (6.6)"});
}

void check_interfaces(const std::vector<std::string>& names, Mechanism mechanism,
                      std::vector<CheckLine>& lines) {
  const auto interfaces = list_interfaces();
  if (!interfaces) {
    lines.push_back({.what = "interfaces", .finding = interfaces.error().message(), .cure = {}});
    return;
  }
  for (const std::string& name : names) {
    if (std::ranges::find(*interfaces, name, &Interface::name) != interfaces->end()) continue;
    lines.push_back({.what = "interface " + name, .finding = "not there", .cure = "see: ip link"});
  }
  for (const Interface& interface : *interfaces) {
    const bool named = std::ranges::find(names, interface.name) != names.end();
    if (names.empty() ? !can_carry(interface) : !named) continue;
    lines.push_back(check_interface(interface, named));
    if (mechanism == Mechanism::kClsact) check_qdisc(interface, lines);
    check_chain(interface, mechanism, lines);
  }
}

CheckLine check_leftovers() {
  if (!claim_filters())
    return {.ok = true, .needed = false, .what = "leftovers",
            .finding = "another shadowtap runs here; what is attached is its", .cure = {}};
  const auto left = remove_leftovers_here(true);
  const bool clean = left && left->empty();
  return {.ok = clean, .needed = false, .what = "leftovers",
          .finding = !left ? left.error().message()
                           : clean ? "none" : std::to_string(left->size()) + " of a killed agent",
          .cure = "`shadowtap detach` removes them; `run` does it too"};
}

CheckLine check_capture(const std::string& netns, bool clsact) {
  const auto seen = capture_on_loopback(netns, clsact);
  return {.ok = seen.has_value(), .needed = true, .what = "capture",
          .finding = seen ? *seen : seen.error().message(),
          .cure = "is lo up? does another program at lo drop packets?"};
}

// Two real connections then carry each request; the tap sees the one on the port it was
// given, and addresses of the proxy instead of the client's.
bool sidecar_listens() {
  std::ifstream table("/proc/net/tcp");
  std::string line;
  constexpr std::string_view kIstioInbound = ":3A9E 00000000:0000 0A";  // 15006, LISTEN
  while (std::getline(table, line))
    if (line.find(kIstioInbound) != std::string::npos) return true;
  return false;
}

CheckLine check_sidecar(bool listens) {
  return {.ok = !listens, .needed = false, .what = "sidecar",
          .finding = listens ? "a proxy listens on 15006: each request is two connections" : "none seen",
          .cure = "tap the application's own port on lo (--interface lo), not the proxy's"};
}

}  // namespace

std::vector<CheckLine> check_host(const std::vector<std::string>& interfaces,
                                  const std::string& netns) {
  std::vector<CheckLine> lines{check_kernel(), check_btf(), check_capabilities(!netns.empty())};
  TapOptions options;
  options.services = {{"check", {1}}};
  options.ring_bytes = 128 << 10;
  const auto kernel = KernelObject::load(options);
  lines.push_back(check_program(kernel));
  if (!kernel) return lines;
  auto inside = NamespaceThread::start(netns);
  if (!inside) {
    lines.push_back({.what = "namespace", .finding = inside.error().message(),
                     .cure = "see: ip netns; --netns takes a name or a path"});
    return lines;
  }
  bool tcx = false;
  (*inside)->run([&] {
    tcx = takes_tcx((*kernel)->program(HookPoint::kIngress, true));
    lines.push_back(check_tcx(tcx));
    check_interfaces(interfaces, tcx ? Mechanism::kTcx : Mechanism::kClsact, lines);
    lines.push_back(check_leftovers());
    lines.push_back(check_sidecar(sidecar_listens()));
  });
  lines.push_back(check_capture(netns, false));
  if (tcx) lines.push_back(check_capture(netns, true));
  if (tcx) lines.back().needed = false;
  if (tcx) lines.back().what = "capture by clsact";
  return lines;
}

}  // namespace shadowtap::capture
