#include <sys/utsname.h>
#include <unistd.h>

#include "agent/capture/hook.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/namespace_thread.h"

namespace shadowtap::capture {
namespace {

CheckLine check_kernel() {
  utsname name{};
  ::uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return {.ok = major > 6 || (major == 6 && minor >= 1),
          .needed = false,  // vendors carry fixes back: loading decides
          .what = "kernel",
          .finding = name.release,
          .cure = "use Linux 6.1 or later"};
}

CheckLine check_btf() {
  const bool there = ::access("/sys/kernel/btf/vmlinux", R_OK) == 0;
  return {.ok = there, .needed = true, .what = "BTF",
          .finding = there ? "/sys/kernel/btf/vmlinux" : "no /sys/kernel/btf/vmlinux",
          .cure = "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"};
}

}  // namespace

std::vector<CheckLine> check_host(const std::vector<std::string>&, const std::string& netns) {
  std::vector<CheckLine> lines{check_kernel(), check_btf()};
  TapOptions options;
  options.services = {{"check", {1}}};
  options.ring_bytes = 128 << 10;
  auto kernel = KernelObject::load(options);
  lines.push_back({.ok = kernel.has_value(), .needed = true, .what = "program",
                   .finding = kernel ? "loads" : kernel.error().message(),
                   .cure = "run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON"});
  if (!kernel) return lines;
  auto inside = NamespaceThread::start(netns);
  if (!inside) {
    lines.push_back({.ok = false, .needed = true, .what = "namespace",
                     .finding = inside.error().message(), .cure = "name one of: ip netns"});
    return lines;
  }
  bool tcx = false;
  (*inside)->run([&] { tcx = takes_tcx((*kernel)->program(HookPoint::kIngress, true)); });
  lines.push_back({.ok = tcx, .needed = false, .what = "TCX",
                   .finding = tcx ? "links can be attached" : "not there: clsact is used",
                   .cure = "Linux 6.6 has it; without it run `shadowtap detach` after a crash"});
  return lines;
}

}  // namespace shadowtap::capture
