#include "agent/capture/kernel_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "agent/base/log.h"
#include "agent/capture/capabilities.h"
#include "agent/capture/counter_names.h"
#include "agent/capture/record.h"
#include "shadowtap.skel.h"

namespace shadowtap::capture {
namespace {

constexpr double kHighMark = 0.75;  // of a ring: new flows are refused
constexpr double kLowMark = 0.25;   // shed flows come back
constexpr std::size_t kMostFlows = 65536;

int log_libbpf(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char* line = nullptr;
  if (::vasprintf(&line, format, arguments) < 0) return 0;
  const std::unique_ptr<char, decltype(&std::free)> owned(line, &std::free);
  std::string_view text(line);
  while (text.ends_with('\n')) text.remove_suffix(1);
  spdlog::debug("libbpf: {}", text);
  return 0;
}

Error load_error(int number) {
  const int code = -number;
  const std::string missing = missing_capabilities(false);
  if (!missing.empty())
    return errno_error("load the BPF program (run as root, or give " + missing + ")", code);
  if (code == EPERM)
    return errno_error("load the BPF program (the capabilities are there: a container's seccomp "
                       "profile that knows no CAP_BPF refuses it)", code);
  if (code == EACCES || code == EINVAL)
    return errno_error("load the BPF program (this kernel's verifier refuses it; its words are "
                       "in the log at level debug)", code);
  if (code == ENOENT || code == ESRCH)
    return errno_error("load the BPF program (needs /sys/kernel/btf/vmlinux and Linux 6.1)", code);
  return errno_error("load the BPF program (needs Linux 6.1 or later with BTF)", code);
}

void set_ports(shadowtap_bpf& object, const TapOptions& options) {
  for (std::size_t i = 0; i < options.services.size(); ++i) {
    for (const std::uint16_t port : options.services[i].ports) {
      object.bss->shadowtap_ports[port / 64] |= std::uint64_t{1} << (port % 64);
      object.bss->shadowtap_service_of_port[port] = static_cast<std::uint8_t>(i);
    }
  }
}

void set_constants(shadowtap_bpf& object, const TapOptions& options) {
  auto& rodata = *object.rodata;
  std::uint64_t secret = 0;
  if (::getrandom(&secret, sizeof secret, 0) != sizeof secret) secret = 0x5bd1e9955bd1e995;
  rodata.shadowtap_secret = secret;
  rodata.shadowtap_shards = static_cast<std::uint32_t>(options.shards);
  rodata.shadowtap_mark = options.mark;
  rodata.shadowtap_sample = static_cast<std::uint32_t>(
      std::clamp(options.sample_connections, 0.0, 100.0) / 100.0 * 65536);
  rodata.shadowtap_high_mark =
      static_cast<std::uint64_t>(static_cast<double>(options.ring_bytes) * kHighMark);
  rodata.shadowtap_low_mark =
      static_cast<std::uint64_t>(static_cast<double>(options.ring_bytes) * kLowMark);
}

Result<> check_options(const TapOptions& options) {
  if (options.services.empty() || options.services.size() > SHADOWTAP_MAX_SERVICES)
    return plain_error("between 1 and 64 services can be tapped");
  if (options.shards == 0 || options.shards > SHADOWTAP_MAX_SHARDS)
    return plain_error("between 1 and 64 shards are possible");
  if (options.ring_bytes < (128 << 10) || (options.ring_bytes & (options.ring_bytes - 1)) != 0)
    return plain_error("a ring's size is a power of two of at least 128 KiB");
  return {};
}

}  // namespace

void KernelObject::Close::operator()(shadowtap_bpf* object) const {
  shadowtap_bpf::destroy(object);
}

Result<std::unique_ptr<KernelObject>> KernelObject::load(const TapOptions& options) {
  if (auto checked = check_options(options); !checked) return checked.error();
  ::libbpf_set_print(log_libbpf);
  errno = 0;
  std::unique_ptr<KernelObject> kernel(new KernelObject(shadowtap_bpf::open()));
  if (!kernel->object_) return errno_error("open the BPF object");
  kernel->services_ = static_cast<std::uint32_t>(options.services.size());
  set_constants(*kernel->object_, options);
  if (const int error = shadowtap_bpf::load(kernel->object_.get())) return load_error(error);
  set_ports(*kernel->object_, options);
  if (auto learned = kernel->learn_program_ids(); !learned) return learned.error();
  if (auto created = kernel->create_rings(options); !created) return created.error();
  kernel->excluded_ =
      ExcludedTargets(bpf_map__max_entries(kernel->object_->maps.shadowtap_targets));
  return kernel;
}

Result<> KernelObject::learn_program_ids() {
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    for (const bool link_layer : {true, false}) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      if (::bpf_obj_get_info_by_fd(program(point, link_layer), &info, &size))
        return errno_error("ask for a program's id");
      program_ids_.push_back(info.id);
    }
  }
  return {};
}

Result<> KernelObject::create_rings(const TapOptions& options) {
  const std::size_t verdict_bytes = SHADOWTAP_VERDICTS * sizeof(std::uint64_t);
  void* verdicts = ::mmap(nullptr, verdict_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                          bpf_map__fd(object_->maps.shadowtap_verdicts), 0);
  if (verdicts == MAP_FAILED) return errno_error("map the verdict words");
  verdicts_ = static_cast<std::uint64_t*>(verdicts);
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    UniqueFd fd(::bpf_map_create(BPF_MAP_TYPE_RINGBUF, "shadowtap_ring", 0, 0,
                                 static_cast<std::uint32_t>(options.ring_bytes), nullptr));
    if (!fd) return errno_error("create a ring of " + std::to_string(options.ring_bytes) + " bytes");
    const int inner = fd.get();
    if (::bpf_map_update_elem(bpf_map__fd(object_->maps.shadowtap_rings), &shard, &inner, BPF_ANY))
      return errno_error("set a ring");
    const RingWords words{.shard = &object_->bss->shadowtap_shard_words[shard],
                          .enabled = &object_->bss->shadowtap_enabled,
                          .verdicts = verdicts_,
                          .has_verdicts = &object_->bss->shadowtap_has_verdicts,
                          .secret = object_->rodata->shadowtap_secret};
    auto ring = MappedRing::map(std::move(fd), options.ring_bytes, words);
    if (!ring) return ring.error();
    rings_.push_back(std::move(*ring));
  }
  return {};
}

KernelObject::~KernelObject() {
  rings_.clear();
  if (verdicts_) ::munmap(verdicts_, SHADOWTAP_VERDICTS * sizeof(std::uint64_t));
}

int KernelObject::program(HookPoint point, bool link_layer) const {
  const auto& programs = object_->progs;
  if (point == HookPoint::kIngress)
    return bpf_program__fd(link_layer ? programs.shadowtap_ingress : programs.shadowtap_ingress_l3);
  return bpf_program__fd(link_layer ? programs.shadowtap_egress : programs.shadowtap_egress_l3);
}

double KernelObject::ns_per_run() const {
  std::uint64_t ns = 0, runs = 0;
  for (const HookPoint point : {HookPoint::kIngress, HookPoint::kEgress}) {
    for (const bool link_layer : {true, false}) {
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      if (::bpf_obj_get_info_by_fd(program(point, link_layer), &info, &size)) continue;
      ns += info.run_time_ns;
      runs += info.run_cnt;
    }
  }
  return runs == 0 ? 0 : static_cast<double>(ns) / static_cast<double>(runs);
}

std::size_t KernelObject::ring_bytes() const {
  std::size_t bytes = 0;
  for (const auto& ring : rings_) bytes += ring->bytes();
  return bytes;
}

namespace {

struct TargetKey {
  std::uint8_t address[16];
  std::uint32_t port;
};

TargetKey to_key(const Endpoint& target) {
  TargetKey key{};
  std::memcpy(key.address, target.address.data(), sizeof key.address);
  key.port = target.port;
  return key;
}

Endpoint to_target(const TargetKey& key) {
  Endpoint target;
  std::memcpy(target.address.data(), key.address, sizeof key.address);
  target.port = static_cast<std::uint16_t>(key.port);
  return target;
}

std::vector<TargetKey> keys_of(int map) {
  std::vector<TargetKey> keys;
  TargetKey key{};
  while (::bpf_map_get_next_key(map, keys.empty() ? nullptr : &keys.back(), &key) == 0)
    keys.push_back(key);
  return keys;
}

}  // namespace

Result<> KernelObject::exclude(const std::vector<Endpoint>& targets) {
  const bool all_fitted = excluded_.left_out() == 0;
  excluded_ = excluded_.with(targets);
  if (all_fitted && excluded_.left_out() > 0)
    spdlog::warn("targets have {} addresses too many: what is sent to the oldest is taken for "
                 "the service's", excluded_.left_out());
  const std::vector<Endpoint> newest = excluded_.newest();
  stop_excluding_others(newest);
  for (const Endpoint& target : newest) {
    const TargetKey key = to_key(target);
    const std::uint8_t value = 1;
    if (::bpf_map_update_elem(bpf_map__fd(object_->maps.shadowtap_targets), &key, &value, BPF_ANY))
      return errno_error("exclude target " + target.to_string());
  }
  return {};
}

// A flow is found to be a target's once, at its begin: where it begins anew, it is looked at
// again.
void KernelObject::stop_excluding_others(const std::vector<Endpoint>& targets) {
  const int map = bpf_map__fd(object_->maps.shadowtap_targets);
  bool removed = false;
  for (const TargetKey& key : keys_of(map)) {
    if (std::ranges::binary_search(targets, to_target(key))) continue;
    removed |= ::bpf_map_delete_elem(map, &key) == 0;
  }
  if (!removed) return;
  remove_flows([](const shadowtap_flow& flow) {
    return (flow.flags & SHADOWTAP_FLOW_TARGET) != 0;
  });
}

Result<> KernelObject::set_leaf(std::uint32_t ifindex, bool leaf) {
  const shadowtap_interface value{.leaf = leaf};
  if (::bpf_map_update_elem(bpf_map__fd(object_->maps.shadowtap_interfaces), &ifindex, &value,
                            BPF_ANY))
    return errno_error("describe interface " + std::to_string(ifindex));
  return {};
}

void KernelObject::forget_interface(std::uint32_t ifindex) {
  ::bpf_map_delete_elem(bpf_map__fd(object_->maps.shadowtap_interfaces), &ifindex);
}

void KernelObject::sum_counts(std::uint32_t service, std::vector<std::uint64_t>& sum) const {
  const int cpus = ::libbpf_num_possible_cpus();
  if (cpus <= 0) return;
  std::vector<shadowtap_counts> counts(static_cast<std::size_t>(cpus));
  if (::bpf_map_lookup_elem(bpf_map__fd(object_->maps.shadowtap_counts), &service, counts.data()))
    return;
  for (const shadowtap_counts& cpu : counts)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += cpu.n[i];
}

PacketCounts KernelObject::packets(std::size_t service) const {
  std::vector<std::uint64_t> sum(SHADOWTAP_COUNTERS);
  sum_counts(static_cast<std::uint32_t>(service), sum);
  return to_packet_counts(sum);
}

PacketCounts KernelObject::packets() const {
  std::vector<std::uint64_t> sum(SHADOWTAP_COUNTERS);
  for (std::uint32_t service = 0; service < services_; ++service) sum_counts(service, sum);
  sum_counts(SHADOWTAP_MAX_SERVICES, sum);  // no service known
  return to_packet_counts(sum);
}

namespace {

// Of what is left out no side is ever seen, of what is lost none starts; and such a flow,
// forgotten, would come back as another one, without what is known of it.
bool is_half_open(const shadowtap_flow& flow) {
  return !(flow.flags & (SHADOWTAP_FLOW_OURS | SHADOWTAP_FLOW_TARGET)) &&
         !(flow.sides[SHADOWTAP_TO_CLIENT].flags & (SHADOWTAP_SIDE_STARTED | SHADOWTAP_SIDE_SEEN));
}

}  // namespace

std::size_t KernelObject::remove_flows(
    const std::function<bool(const shadowtap_flow&)>& is_over) {
  const int map = bpf_map__fd(object_->maps.shadowtap_flows);
  std::size_t removed = 0;
  std::uint64_t key = 0, next = 0;
  bool more = ::bpf_map_get_next_key(map, nullptr, &next) == 0;
  // Bounded: where the kernel removes the key meanwhile, the walk begins again.
  for (std::size_t steps = 0; more && steps < 2 * kMostFlows; ++steps) {
    key = next;
    more = ::bpf_map_get_next_key(map, &key, &next) == 0;
    shadowtap_flow flow{};
    if (::bpf_map_lookup_elem(map, &key, &flow) || !is_over(flow)) continue;
    removed += ::bpf_map_delete_elem(map, &key) == 0;
  }
  return removed;
}

std::size_t KernelObject::sweep_flows(Duration idle, Duration half_open_idle) {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  const Duration now_ns = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  return remove_flows([&](const shadowtap_flow& flow) {
    const Duration limit = is_half_open(flow) ? std::min(idle, half_open_idle) : idle;
    return Duration(flow.seen_ns) + limit <= now_ns;
  });
}

}  // namespace shadowtap::capture
