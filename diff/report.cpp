#include "diff/report.h"

#include <algorithm>

#include "diff/text.h"

namespace shadowtap::diff {
namespace {

constexpr std::size_t kMaxNotes = 20;
// A latch keeps no more (agent/results/map_paths.h).
constexpr std::size_t kMaxMapLike = 64;
// A path is as long as its node is deep.
constexpr std::size_t kMaxPathBytes = 4 << 20;

}  // namespace

Report::Report(Differences& result, const Budget& budget, const MapLikePaths* known)
    : result_(result), budget_(budget), known_(known), steps_left_(budget.max_steps) {}

void Report::truncate_and_stop() {
  result_.truncated = true;
  stopped_ = true;
}

void Report::add(Difference difference) {
  if (stopped_) return;
  if (result_.all.size() >= budget_.max_differences) return truncate_and_stop();
  path_bytes_ += difference.path.size() + difference.aggregated.size() +
                 difference.right_path.size();
  if (path_bytes_ > kMaxPathBytes && !result_.all.empty()) return truncate_and_stop();
  result_.all.push_back(std::move(difference));
}

bool Report::takes_notes() const { return result_.notes.size() < kMaxNotes; }

void Report::note(std::string text) {
  auto& notes = result_.notes;
  if (takes_notes() && std::find(notes.begin(), notes.end(), text) == notes.end()) {
    notes.push_back(std::move(text));
  }
}

void Report::found_map_like(const std::string& aggregated) {
  auto& paths = result_.map_like;
  if (paths.size() < kMaxMapLike &&
      std::find(paths.begin(), paths.end(), aggregated) == paths.end()) {
    paths.push_back(aggregated);
  }
}

bool Report::known_map_like(const std::string& aggregated) const {
  return known_ != nullptr && known_->contains(aggregated);
}

std::string Report::shown(std::string_view text) const {
  return cut(text, budget_.max_shown_bytes);
}

}  // namespace shadowtap::diff
