// Our programs on the interfaces of one namespace, brought in line with the interfaces
// that are there: attaches to new ones, forgets those that are gone.
//
// Not thread-safe; every call in the interfaces' namespace (the NamespaceThread).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/capture/hook.h"
#include "agent/capture/interfaces.h"
#include "agent/capture/kernel_object.h"
#include "agent/capture/tap.h"

namespace shadowtap::capture {

class Attachments {
 public:
  Attachments(KernelObject& kernel, std::vector<InterfaceChoice> choices, bool use_tcx)
      : kernel_(kernel), choices_(std::move(choices)), use_tcx_(use_tcx) {}

  // Forgets interfaces where our programs are gone, so that reconcile attaches anew.
  void drop_lost();

  // Attaches to at most `most` new interfaces (a TCX link takes the kernel 13 ms) and
  // keeps going at one that refuses; the first failure is returned.
  Result<> reconcile(const std::vector<Interface>& interfaces, std::size_t most);
  // The last reconcile left interfaces for the next one.
  bool unfinished() const { return unfinished_; }
  void detach();

  std::vector<AttachedAt> list() const;

  // Another program runs before ours wherever we are attached, and ends the chain.
  bool all_hidden() const;

 private:
  struct Attached {
    std::string name;
    bool leaf = false;
    bool hidden = false;
    std::vector<Hook> hooks;
  };

  const InterfaceChoice* choice_of(const Interface& interface) const;
  bool wanted(const Interface& interface) const;
  // Says so where another program keeps the packets from ours.
  bool is_hidden(const Interface& interface, const std::vector<Hook>& hooks) const;
  bool judge(const Interface& interface) const;
  Result<> add(const Interface& interface);
  void drop(std::uint32_t ifindex, bool interface_is_there);

  KernelObject& kernel_;
  std::vector<InterfaceChoice> choices_;
  bool use_tcx_;
  bool unfinished_ = false;
  std::map<std::uint32_t, Attached> attached_;
};

}  // namespace shadowtap::capture
