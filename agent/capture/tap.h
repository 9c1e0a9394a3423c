// The live source of segments: loads the BPF object, attaches it where the service's
// ports can be seen, and drains one ring per shard.
//
// The only area that sees bpf/ and libbpf. It decodes records into Segments and counts
// packets; it knows nothing of streams, HTTP or targets.
//
// Threads: attach/follow/detach on the control thread; each Ring on its shard's thread;
// counters are read from anywhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/capture/privileges.h"
#include "agent/net/flow_verdict.h"
#include "agent/net/segment.h"

namespace shadowtap::capture {

struct InterfaceChoice {
  enum class Kind : std::uint8_t { kFound, kLeaf, kHost };
  std::string name;
  Kind kind = Kind::kFound;  // kFound: judged by DESIGN 3.4
};

inline constexpr std::size_t kRingBytes = 16 << 20;

struct TapOptions {
  struct Service {
    std::string name;
    std::vector<std::uint16_t> ports;
  };
  std::vector<Service> services;           // Segment::service indexes it; at most 64
  std::vector<InterfaceChoice> interfaces;  // to watch; empty: auto, found and followed
  std::vector<InterfaceChoice> kinds;       // what some are that come by themselves
  std::string netns;                        // path of a network namespace; empty: our own
  std::size_t shards = 1;
  std::size_t ring_bytes = kRingBytes;      // a ring; power of two
  std::uint32_t mark = 0;                   // our SO_MARK; 0: none
  double sample_connections = 100;          // percent, by flow hash
  bool force_clsact = false;                // for tests and for kernels with a broken TCX
  // How often to look whether somebody removed our programs, or the namespace; 0: at each follow().
  Duration verify_every = std::chrono::seconds(5);
};

struct AttachedAt {
  std::string interface;
  std::string direction;  // "ingress", "egress"
  std::string mechanism;  // "tcx", "clsact"
  // A program that runs before ours and ends the chain, or may do so; empty: none.
  std::string hidden_by;
};

// Totals over all CPUs since load. matched == delivered + sum(lost).
struct PacketCounts {
  std::uint64_t matched = 0;  // to_server + to_client
  std::uint64_t to_server = 0;
  std::uint64_t to_client = 0;
  std::uint64_t delivered = 0;
  std::vector<std::pair<std::string, std::uint64_t>> lost;     // reason, n
  std::vector<std::pair<std::string, std::uint64_t>> ignored;  // seen, not counted as matched
};

// One shard's ring: single consumer.
class Ring {
 public:
  virtual ~Ring() = default;

  // Passes up to `budget` records to `take`; the segment and its payload are valid only
  // during the call. Renews this shard's heartbeat. Returns how many were passed.
  virtual std::size_t drain(std::size_t budget,
                            const std::function<void(const net::Segment&)>& take) = 0;

  // Readable when armed and a record came. Level-triggered epoll descriptor.
  virtual int descriptor() const = 0;
  // Before sleeping: asks the producer to wake us. False: records are there already, do
  // not sleep. Call disarm() after waking.
  virtual bool arm() = 0;
  virtual void disarm() = 0;

  virtual double fill() const = 0;  // 0..1

  // Tells the kernel to stop copying a flow's direction (DESIGN 3.11). No system call.
  virtual void skip(const net::FlowVerdict& verdict) = 0;
};

class Tap {
 public:
  virtual ~Tap() = default;

  // Opens, configures and loads the object and creates the rings; nothing is attached yet.
  // An error says what is missing and what to do about it.
  static Result<std::unique_ptr<Tap>> load(const TapOptions& options);

  virtual Ring& ring(std::size_t shard) = 0;

  // All addresses of targets: their flows are not captured. Those of before that are not
  // among them are captured again, also flows that are open. Before the first connect to
  // them. Of more than 4,096 the newest count.
  virtual Result<> exclude(const std::vector<Endpoint>& targets) = 0;

  // Removes leftovers of a killed agent, attaches to the chosen or found interfaces.
  virtual Result<> attach() = 0;
  // Follows netlink: call when follow_descriptor() is readable (or each second). Lets go of
  // another namespace when its path leads there no more, and comes back to a new one at the
  // same path while that is allowed (CAP_SYS_ADMIN); attachments() is empty meanwhile.
  virtual int follow_descriptor() const = 0;
  virtual void follow() = 0;

  // Behind attach(): gives up for ever, on the caller's thread and on ours, what following
  // interfaces does not need (privileges.h says what and when). `kept`: besides that.
  virtual Result<std::string> drop_privileges(PrivilegesKept kept) = 0;

  virtual std::vector<AttachedAt> attachments() const = 0;
  virtual PacketCounts packets() const = 0;
  virtual PacketCounts packets(std::size_t service) const = 0;
  virtual std::size_t ring_bytes() const = 0;
  virtual double ns_per_packet() const = 0;  // 0 unless kernel.bpf_stats_enabled is on

  virtual void detach() = 0;  // also in the destructor
};

// What `shadowtap check` prints: one line each, with the cure where it fails.
struct CheckLine {
  bool ok = false;
  bool needed = true;  // a miss of a needed one means `run` would not work
  std::string what;    // "kernel", "BTF", "TCX", "capabilities", …
  std::string finding;
  std::string cure;
};
std::vector<CheckLine> check_host(const std::vector<std::string>& interfaces,
                                  const std::string& netns);

// Removes our clsact filters, and qdiscs that we made and that hold nothing else.
// One line for each thing removed (or that would be, with `dry_run`).
Result<std::vector<std::string>> remove_leftovers(const std::string& netns, bool dry_run);

}  // namespace shadowtap::capture
