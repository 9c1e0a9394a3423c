#include "agent/capture/kernel_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/mman.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "agent/base/log.h"
#include "agent/capture/capabilities.h"
#include "agent/capture/record.h"
#include "shadowtap.skel.h"

namespace shadowtap::capture {
namespace {

constexpr double kHighMark = 0.75;  // of a ring: new flows are refused
constexpr double kLowMark = 0.25;   // shed flows come back

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

UniqueFd create_array(const RingLayout& layout, std::uint32_t segments) {
  LIBBPF_OPTS(bpf_map_create_opts, flags, .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP);
  return UniqueFd(::bpf_map_create(BPF_MAP_TYPE_ARRAY, "shadowtap_ring", sizeof(std::uint32_t),
                                   static_cast<std::uint32_t>(layout.element_bytes()),
                                   segments, &flags));
}

// Before the load: the verifier takes the size of all rings' elements from `example`. 0, or
// an errno.
int set_layout(shadowtap_bpf& object, const RingLayout& layout, int example) {
  object.rodata->shadowtap_ring_bytes = layout.bytes;
  object.rodata->shadowtap_segment_bits = layout.segment_bits;
  return -::bpf_map__set_inner_map_fd(object.maps.shadowtap_rings, example);
}

// A client that could guess it would choose its shard, and write records of its own.
Result<std::uint64_t> draw_secret() {
  std::uint64_t secret = 0;
  if (::getrandom(&secret, sizeof secret, 0) != sizeof secret) return errno_error("draw a secret");
  // Above every position: memory that was never written is no committed record.
  return secret | std::uint64_t{1} << 63;
}

void set_constants(shadowtap_bpf& object, const TapOptions& options, std::uint64_t secret) {
  auto& rodata = *object.rodata;
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
  const auto secret = draw_secret();
  if (!secret) return secret.error();
  set_constants(*kernel->object_, options, *secret);
  const RingLayout layout(options.ring_bytes);
  const UniqueFd example = create_array(layout, 1);
  if (!example) return load_error(-errno);
  if (const int error = set_layout(*kernel->object_, layout, example.get()))
    return errno_error("describe the rings", error);
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
    if (auto created = create_ring(shard, RingLayout(options.ring_bytes)); !created)
      return created.error();
  }
  return {};
}

Result<> KernelObject::create_ring(std::uint32_t shard, const RingLayout& layout) {
  UniqueFd array = create_array(layout, layout.segments);
  if (!array) return errno_error("create a ring of " + std::to_string(layout.bytes) + " bytes");
  auto waker = Waker::create();
  if (!waker) return waker.error();
  const int array_fd = array.get(), waker_fd = waker->descriptor();
  const auto& maps = object_->maps;
  if (::bpf_map_update_elem(bpf_map__fd(maps.shadowtap_wakers), &shard, &waker_fd, BPF_ANY) ||
      ::bpf_map_update_elem(bpf_map__fd(maps.shadowtap_rings), &shard, &array_fd, BPF_ANY))
    return errno_error("set a ring");
  const RingWords words{.shard = &object_->bss->shadowtap_shard_words[shard],
                        .enabled = &object_->bss->shadowtap_enabled,
                        .verdicts = verdicts_,
                        .has_verdicts = &object_->bss->shadowtap_has_verdicts,
                        .secret = object_->rodata->shadowtap_secret};
  auto ring = MappedRing::map(std::move(array), layout, std::move(*waker), words);
  if (!ring) return ring.error();
  rings_.push_back(std::move(*ring));
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

}  // namespace shadowtap::capture
