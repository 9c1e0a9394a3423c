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

  // Keeps going at an interface that refuses; the first failure is returned.
  Result<> reconcile(const std::vector<Interface>& interfaces);
  void detach();

  std::vector<AttachedAt> list() const;

 private:
  struct Attached {
    std::string name;
    bool leaf = false;
    std::vector<Hook> hooks;
  };

  const InterfaceChoice* choice_of(const Interface& interface) const;
  bool wanted(const Interface& interface) const;
  bool judge(const Interface& interface) const;
  Result<> add(const Interface& interface);
  void drop(std::uint32_t ifindex, bool interface_is_there);

  KernelObject& kernel_;
  std::vector<InterfaceChoice> choices_;
  bool use_tcx_;
  std::map<std::uint32_t, Attached> attached_;
};

}  // namespace shadowtap::capture
