// The targets' addresses that the kernel is told of, in the order in which they came: of
// more than it takes, the newest. Pure.
#pragma once

#include <cstddef>
#include <vector>

#include "agent/base/endpoint.h"

namespace shadowtap::capture {

class ExcludedTargets {
 public:
  explicit ExcludedTargets(std::size_t capacity) : capacity_(capacity) {}

  // The list that follows this one: what stays keeps its age.
  ExcludedTargets with(const std::vector<Endpoint>& targets) const;

  // As many as fit, sorted.
  std::vector<Endpoint> newest() const;
  std::size_t left_out() const;

 private:
  std::size_t capacity_;
  std::vector<Endpoint> by_age_;  // oldest first, each once
};

}  // namespace shadowtap::capture
