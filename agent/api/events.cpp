#include "agent/api/events.h"

#include <algorithm>

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
    : backend_(backend), service_(std::move(service)) {
  for (const ServiceStatus& one : services()) told_[one.name] = newest(one.name);
}

std::vector<ServiceStatus> EventFeed::services() const {
  std::vector<ServiceStatus> all = backend_.control.services();
  if (service_.empty()) return all;
  std::erase_if(all, [this](const ServiceStatus& one) { return one.name != service_; });
  return all;
}

std::string EventFeed::next() {
  std::string out;
  const std::vector<ServiceStatus> all = services();
  for (const ServiceStatus& one : all) add_comparisons(one.name, out);
  for (const ServiceStatus& one : all) add_targets(one, out);
  add_coverage(out);
  return out;
}

std::string EventFeed::newest(const std::string& service) const {
  results::DiffQuery query;
  query.service = service;
  query.limit = 1;
  const auto page = backend_.results.diffs(query);
  return page.rows.empty() ? std::string() : page.rows.front().id;
}

void EventFeed::add_comparisons(const std::string& service, std::string& out) {
  std::string& told = told_[service];
  if (newest(service) <= told) return;  // what a look costs where nothing happens
  results::DiffQuery query;
  query.service = service;
  query.limit = kMostAtOnce;
  const auto page = backend_.results.diffs(query);
  const auto end = std::find_if(page.rows.begin(), page.rows.end(),
                                [&](const results::DiffRow& row) { return row.id <= told; });
  if (end == page.rows.end() && !page.next.empty()) out += ": older comparisons were left out\n\n";
  for (auto row = std::make_reverse_iterator(end); row != page.rows.rend(); ++row) {
    out += event("comparison", to_json(*row));
  }
  told = page.rows.front().id;
}

void EventFeed::add_targets(const ServiceStatus& service, std::string& out) {
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

void EventFeed::add_coverage(std::string& out) {
  const json::object coverage = coverage_json(backend_.control);
  std::string text = to_text(coverage);
  if (text == coverage_) return;
  coverage_ = std::move(text);
  out += event("coverage", coverage);
}

}  // namespace shadowtap::api
