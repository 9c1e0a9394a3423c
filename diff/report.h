// Where comparers put what they find: keeps the budgets, cuts what is shown, and
// knows when to stop. One per comparison; internal to diff/.
#pragma once

#include <string>
#include <string_view>

#include "diff/difference.h"
#include "diff/response_diff.h"

namespace shadowtap::diff {

class Report {
 public:
  Report(Differences& result, const Budget& budget, const MapLikePaths* known);

  // Takes `steps` from the budget. False: it is gone, stop at once.
  bool spend(std::uint64_t steps = 1) {
    if (steps <= steps_left_ && !stopped_) {
      steps_left_ -= steps;
      return true;
    }
    truncate_and_stop();
    return false;
  }
  std::uint64_t steps_left() const { return steps_left_; }
  bool stopped() const { return stopped_; }

  // Something was found by a shortcut, or left out: the answer is not the whole one.
  void truncate() { result_.truncated = true; }

  void add(Difference difference);
  void note(std::string text);
  // False: a note is dropped, and need not be written.
  bool takes_notes() const;
  void found_map_like(const std::string& aggregated);
  bool known_map_like(const std::string& aggregated) const;

  std::string shown(std::string_view text) const;
  std::size_t found() const { return result_.all.size(); }

 private:
  void truncate_and_stop();

  Differences& result_;
  const Budget& budget_;
  const MapLikePaths* known_;
  std::uint64_t steps_left_;
  std::size_t path_bytes_ = 0;
  bool stopped_ = false;
};

}  // namespace shadowtap::diff
