#include "agent/api/events.h"

#include "agent/api/shapes.h"

namespace shadowtap::api {
namespace {

constexpr std::size_t kMostAtOnce = 100;

// One line of data: serialized JSON holds no line break.
std::string event(const char* name, const json::value& data) {
  return std::string("event: ") + name + "\ndata: " + to_text(data) + "\n\n";
}

}  // namespace

EventFeed::EventFeed(const Backend& backend, std::string service)
    : backend_(backend), service_(std::move(service)), newest_(backend.now()) {}

std::string EventFeed::next() {
  std::string out;
  add_comparisons(out);
  add_targets(out);
  add_coverage(out);
  return out;
}

void EventFeed::add_comparisons(std::string& out) {
  results::DiffQuery query;
  query.service = service_;
  query.since = newest_;
  query.limit = kMostAtOnce;
  const auto page = backend_.results.diffs(query);
  if (!page.next.empty()) out += ": older comparisons were left out\n\n";
  for (auto row = page.rows.rbegin(); row != page.rows.rend(); ++row) {
    if (row->time < newest_ || told_.contains(row->id)) continue;
    if (row->time > newest_) told_.clear();
    newest_ = row->time;
    told_.insert(row->id);
    out += event("comparison", to_json(*row));
  }
}

void EventFeed::add_targets(std::string& out) {
  for (const ServiceStatus& service : backend_.control.services()) {
    if (!service_.empty() && service.name != service_) continue;
    for (const shadow::TargetStatus& target : service.targets) {
      const std::string key = service.name + '\0' + shadow::to_string(target.role) + '\0' + target.name;
      const std::string state = std::string(shadow::to_string(target.state)) + ' ' + target.url;
      if (target_states_[key] == state) continue;
      target_states_[key] = state;
      json::object data = to_json(target);
      data["service"] = shown(service.name);
      out += event("target", data);
    }
  }
}

void EventFeed::add_coverage(std::string& out) {
  const json::object coverage = coverage_json(backend_.control);
  std::string text = to_text(coverage);
  if (text == coverage_) return;
  coverage_ = std::move(text);
  out += event("coverage", coverage);
}

}  // namespace shadowtap::api
