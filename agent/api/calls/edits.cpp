// Rules, sampling, sending and targets of a service: read and changed while it runs. PUT replaces
// the whole section; what the body leaves out gets its default.
#include "agent/api/edits.h"

#include <system_error>

#include "agent/api/calls/calls.h"
#include "agent/api/json.h"
#include "agent/api/problem.h"
#include "agent/api/query.h"

namespace shadowtap::api {
namespace {

// The section's name, or the problem with the call's path or query.
struct Section {
  std::string service;
  std::string name;
  std::optional<Response> problem;
};

Section fixed_section(const Backend& backend, const Request& request, const char* name) {
  const std::string& service = request.parameters[0];
  Section section{service, name, Query(request).problem()};
  if (!section.problem && !is_service(backend, service)) {
    section.problem = unknown_service(backend, service.empty() ? "(empty)" : service);
  }
  return section;
}

Section target_section(const Backend& backend, const Request& request) {
  const std::string& service = request.parameters[0];
  const std::string& role = request.parameters[1];
  Query query(request);
  Section section{service, role, std::nullopt};
  if (role == "mirror") {
    const std::string name = query.text("name");
    section.name = "mirror:" + (name.empty() ? role : name);
  }
  section.problem = query.problem();
  if (!section.problem && !is_service(backend, service)) {
    section.problem = unknown_service(backend, service.empty() ? "(empty)" : service);
  }
  if (!section.problem && role != "candidate" && role != "secondary" && role != "mirror") {
    section.problem = problem(404, "no such role: one of candidate, secondary, mirror");
  }
  return section;
}

Response read(const Backend& backend, const Section& section) {
  if (section.problem) return *section.problem;
  auto text = backend.edits->read(section.service, section.name);
  if (!text) return problem(404, "this service has no target in that role");
  return {200, "application/json", std::move(*text), {}};
}

bool is_json(const std::string& content_type) {
  return content_type.substr(0, content_type.find(';')) == "application/json";
}

Response refused(const Error& error, unsigned otherwise) {
  if (error.code == std::errc::operation_not_permitted) return problem(403, error.context, "api_not_protected");
  if (error.code == kHoldsUnkept) return problem(507, error.context, "change_not_kept");
  return problem(otherwise, error.message());
}

Response write(const Backend& backend, const Section& section, const Request& request) {
  if (section.problem) return *section.problem;
  if (!is_json(request.content_type)) return problem(415, "the body must be application/json");
  boost::system::error_code error;
  const json::value body = json::parse(request.body, error);
  if (error) return problem(400, "the body is not JSON: " + error.message());
  if (!body.is_object()) return problem(422, "the body must be a JSON object");
  const auto written = backend.edits->write(section.service, section.name, request.body);
  if (!written) return refused(written.error(), 422);
  return read(backend, section);
}

Response remove(const Backend& backend, const Section& section) {
  if (section.problem) return *section.problem;
  if (!backend.edits->read(section.service, section.name)) {
    return problem(404, "this service has no target in that role");
  }
  const auto removed = backend.edits->remove(section.service, section.name);
  if (!removed) return refused(removed.error(), 409);
  return Response{204, "", "", {}};
}

void add_section(Router& router, const Backend& backend, const std::string& path,
                 const std::function<Section(const Request&)>& section) {
  router.add("GET", path, [=](const Request& r) { return read(backend, section(r)); });
  router.add("PUT", path, [=](const Request& r) { return write(backend, section(r), r); });
}

}  // namespace

void add_edit_calls(Router& router, const Backend& backend) {
  if (!backend.edits) return;
  const std::string service = "/api/v1/services/{name}";
  const auto fixed = [backend](const char* name) {
    return [backend, name](const Request& r) { return fixed_section(backend, r, name); };
  };
  const auto target = [backend](const Request& r) { return target_section(backend, r); };
  add_section(router, backend, service + "/rules", fixed("compare"));
  add_section(router, backend, service + "/sampling", fixed("select"));
  add_section(router, backend, service + "/sending", fixed("sending"));
  add_section(router, backend, service + "/targets/{role}", target);
  router.add("DELETE", service + "/targets/{role}",
             [=](const Request& r) { return remove(backend, target(r)); });
}

}  // namespace shadowtap::api
