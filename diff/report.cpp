#include "diff/report.h"

#include <algorithm>

#include "diff/text.h"

namespace shadowtap::diff {

Report::Report(Differences& result, const Budget& budget, const MapLikePaths* known)
    : result_(result), budget_(budget), known_(known), steps_left_(budget.max_steps) {}

void Report::truncate_and_stop() {
  result_.truncated = true;
  stopped_ = true;
}

void Report::add(Difference difference) {
  if (stopped_) return;
  if (result_.all.size() >= budget_.max_differences) return truncate_and_stop();
  result_.all.push_back(std::move(difference));
}

void Report::note(std::string text) {
  constexpr std::size_t kMaxNotes = 20;
  auto& notes = result_.notes;
  if (notes.size() < kMaxNotes && std::find(notes.begin(), notes.end(), text) == notes.end()) {
    notes.push_back(std::move(text));
  }
}

void Report::found_map_like(const std::string& aggregated) {
  auto& paths = result_.map_like;
  if (std::find(paths.begin(), paths.end(), aggregated) == paths.end()) {
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
