// Our programs on the interfaces of one namespace, brought in line with the interfaces
// that are there: attaches to new ones, forgets those that are gone, and stays at the
// head of each hook's chain.
//
// Not thread-safe; every call in the interfaces' namespace (the NamespaceThread).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/base/time.h"
#include "agent/capture/ahead.h"
#include "agent/capture/hook.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/tap.h"

namespace shadowtap::capture {

class Attachments {
 public:
  // Of the options, those that say which interfaces, and what they are.
  Attachments(KernelObject& kernel, const TapOptions& options, bool use_tcx)
      : kernel_(kernel), named_(options.interfaces), kinds_(options.kinds), use_tcx_(use_tcx) {}

  // Forgets interfaces where our programs are gone, so that reconcile attaches anew. Goes
  // back to the head where somebody got before us since; a few times, then lets it be.
  void verify();

  // Attaches to at most `most` new interfaces (a TCX link takes the kernel 13 ms). One that
  // refuses is left alone for a while, and said once; the first failure is returned.
  Result<> reconcile(const std::vector<Interface>& interfaces, std::size_t most, Time now);
  // The last reconcile left interfaces for the next one.
  bool unfinished() const { return unfinished_; }
  void detach();

  std::vector<AttachedAt> list() const;

  // A program that ends the chain runs before ours wherever we are attached.
  bool all_hidden() const;

 private:
  struct Attached {
    std::string name;
    bool leaf = false;
    bool loopback = false;
    bool link_layer = true;
    int returns = 0;  // to the head
    Ahead ahead;
    std::string said_ahead;  // who runs before us, as it was last said
    std::vector<Hook> hooks;
  };
  using Kind = InterfaceChoice::Kind;

  bool wanted(const Interface& interface, Time now) const;
  Kind kind_of(const Interface& interface);
  bool judge(const Interface& interface);
  Result<> keep(const Interface& interface, Attached& attached);
  Result<> try_to_add(const Interface& interface, Time now);
  Result<> add(const Interface& interface);
  Result<> attach(const Interface& interface, Attached& attached);
  void drop(std::uint32_t ifindex);
  void drop_gone(const std::vector<Interface>& interfaces);
  void drop_lost();
  Result<Chain> chain_at(std::uint32_t ifindex, const Hook& hook);
  void return_to_head(std::uint32_t ifindex, Attached& attached);
  void look_ahead(std::uint32_t ifindex, Attached& attached);

  KernelObject& kernel_;
  std::vector<InterfaceChoice> named_;  // to watch; empty: all that can carry the port
  std::vector<InterfaceChoice> kinds_;
  bool use_tcx_;
  bool unfinished_ = false;
  bool said_unknown_ = false;    // that who runs before us cannot be asked
  std::uint32_t looked_at_ = 0;  // the last interface that verify() asked who is ahead
  // By ifindex:
  std::map<std::uint32_t, Attached> attached_;
  std::map<std::uint32_t, Kind> said_kinds_;  // by a name that it may not have any more
  struct Refusal {
    Time until;  // it is left alone
    std::chrono::seconds pause;
  };
  std::map<std::uint32_t, Refusal> refused_;
  std::set<std::uint32_t> our_qdiscs_;        // clsact, made by us
};

}  // namespace shadowtap::capture
