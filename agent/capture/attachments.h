// Our programs on the interfaces of one namespace, brought in line with the interfaces
// that are there: attaches to new ones, forgets those that are gone, and stays at the
// head of each hook's chain.
//
// Not thread-safe; every call in the interfaces' namespace (the NamespaceThread).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/capture/chain.h"
#include "agent/capture/hook.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/tap.h"

namespace shadowtap::capture {

class Attachments {
 public:
  Attachments(KernelObject& kernel, std::vector<InterfaceChoice> choices, bool use_tcx)
      : kernel_(kernel), choices_(std::move(choices)), use_tcx_(use_tcx) {}

  // Forgets interfaces where our programs are gone, so that reconcile attaches anew. Goes
  // back to the head where somebody got before us since; a few times, then lets it be.
  void verify();

  // Attaches to at most `most` new interfaces (a TCX link takes the kernel 13 ms) and
  // keeps going at one that refuses; the first failure is returned.
  Result<> reconcile(const std::vector<Interface>& interfaces, std::size_t most);
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
    int returns = 0;    // to the head
    std::string ahead;  // who runs before us, as it was last said
    std::string hidden_by;
    std::vector<Hook> hooks;
  };

  const InterfaceChoice* choice_of(const Interface& interface) const;
  bool wanted(const Interface& interface) const;
  bool judge(const Interface& interface) const;
  Result<> add(const Interface& interface);
  void drop(std::uint32_t ifindex, bool interface_is_there);
  void drop_lost();
  Chain ahead_at(std::uint32_t ifindex, const Hook& hook) const;
  void return_to_head(std::uint32_t ifindex, Attached& attached);
  void look_ahead(std::uint32_t ifindex, Attached& attached);

  KernelObject& kernel_;
  std::vector<InterfaceChoice> choices_;
  bool use_tcx_;
  bool unfinished_ = false;
  std::uint32_t looked_at_ = 0;  // the last interface that verify() asked who is ahead
  std::map<std::uint32_t, Attached> attached_;
};

}  // namespace shadowtap::capture
