#include "agent/capture/privileges.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstddef>
#include <vector>

namespace shadowtap::capture {
namespace {

Result<> become(const PrivilegesKept& kept) {
  if (!kept.uid && !kept.gid) return {};
  // Else the change of user takes the capability that is to be kept.
  if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)) return errno_error("keep capabilities");
  if (kept.gid) {
    if (::setgroups(0, nullptr)) return errno_error("leave all groups");
    if (::setresgid(*kept.gid, *kept.gid, *kept.gid)) return errno_error("change the group");
  }
  if (kept.uid && ::setresuid(*kept.uid, *kept.uid, *kept.uid))
    return errno_error("change the user");
  return {};
}

std::uint32_t capabilities(const PrivilegesKept& kept) {
  return (kept.net_admin ? 1U << CAP_NET_ADMIN : 0U) | (kept.dac_override ? 1U << CAP_DAC_OVERRIDE : 0U);
}

std::string in_words(const PrivilegesKept& kept) {
  std::string words;
  if (kept.net_admin) words += "CAP_NET_ADMIN ";
  if (kept.dac_override) words += "CAP_DAC_OVERRIDE ";
  return words.empty() ? "no capabilities" : words + "only";
}

constexpr sock_filter statement(int code, std::uint32_t value) {
  return {static_cast<std::uint16_t>(code), 0, 0, value};
}

// To the next instruction if equal, else `skip` further.
constexpr sock_filter unless_equal(std::uint32_t value, std::uint8_t skip) {
  return {BPF_JMP | BPF_JEQ | BPF_K, 0, skip, value};
}

constexpr sock_filter kAllow = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW};
constexpr sock_filter kRefuse = {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 1 /* EPERM */};

// Refuses what an observer never needs; of bpf() only work on what is open already.
std::vector<sock_filter> make_filter() {
  std::vector<sock_filter> filter;
  filter.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)));
  for (const long never : {SYS_ptrace, SYS_perf_event_open, SYS_init_module, SYS_finit_module,
                           SYS_delete_module, SYS_kexec_load, SYS_mount, SYS_umount2,
                           SYS_pivot_root, SYS_unshare, SYS_process_vm_writev, SYS_reboot}) {
    filter.push_back(unless_equal(static_cast<std::uint32_t>(never), 1));
    filter.push_back(kRefuse);
  }
  constexpr std::uint32_t kBpf[] = {BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM, BPF_MAP_DELETE_ELEM,
                                    BPF_MAP_GET_NEXT_KEY, BPF_LINK_CREATE, BPF_LINK_DETACH,
                                    BPF_OBJ_GET_INFO_BY_FD, BPF_PROG_QUERY};
  constexpr auto kBpfInstructions = static_cast<std::uint8_t>(2 + 2 * std::size(kBpf));
  filter.push_back(unless_equal(SYS_bpf, kBpfInstructions));
  filter.push_back(statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])));
  for (const std::uint32_t command : kBpf) {
    filter.push_back(unless_equal(command, 1));
    filter.push_back(kAllow);
  }
  filter.push_back(kRefuse);
  filter.push_back(kAllow);
  return filter;
}

Result<> restrict_calls() {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return errno_error("set no_new_privs");
  std::vector<sock_filter> filter = make_filter();
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program))
    return errno_error("restrict system calls");
  return {};
}

}  // namespace

Result<> drop_capabilities(const PrivilegesKept& kept) {
  const std::uint32_t left = capabilities(kept);
  for (int capability = 0; capability <= CAP_LAST_CAP; ++capability)
    if (capability >= 32 || (left >> capability & 1) == 0)
      ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);  // only with CAP_SETPCAP
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  data[0].effective = data[0].permitted = left;
  if (::syscall(SYS_capset, &header, data)) return errno_error("drop capabilities");
  return {};
}

Result<std::string> drop_privileges(const PrivilegesKept& kept) {
  if (auto became = become(kept); !became) return became.error();
  if (auto dropped = drop_capabilities(kept); !dropped) return dropped.error();
  if (auto restricted = restrict_calls(); !restricted) return restricted.error();
  return in_words(kept) + ", no_new_privs, seccomp";
}

}  // namespace shadowtap::capture
