#include <algorithm>

#include "agent/base/text.h"
#include "agent/config/checks.h"
#include "agent/config/describe.h"
#include "agent/config/urls.h"
#include "agent/config/values.h"

namespace shadowtap::config {
namespace {

// auto, or a list of IF[:leaf|:host].
void describe_interfaces(Fields& f, std::vector<capture::InterfaceChoice>& interfaces) {
  if (f.is_word("interfaces", interfaces.empty())) {
    return f.scalar("interfaces", {[&interfaces](std::string_view text) -> std::string {
                                     if (text != "auto") return "must be auto or a list ([…])";
                                     interfaces.clear();
                                     return {};
                                   },
                                   [] { return "auto"; }, true});
  }
  f.list("interfaces", {[&interfaces] { interfaces.clear(); },
                        [&interfaces] { return interfaces.size(); },
                        [&interfaces](std::size_t index, Fields& item) {
                          if (index == interfaces.size()) interfaces.emplace_back();
                          capture::InterfaceChoice& one = interfaces[index];
                          item.scalar("item", {[&one](std::string_view text) {
                                                 std::string wrong = check_interface(text);
                                                 if (wrong.empty()) one = interface_choice(text);
                                                 return wrong;
                                               },
                                               [&one] { return print_interface(one); }, true});
                        },
                        "item", true});
}

void describe_ports(Fields& f, std::vector<std::uint16_t>& ports) {
  f.list("ports", {[&ports] { ports.clear(); }, [&ports] { return ports.size(); },
                   [&ports](std::size_t index, Fields& item) {
                     std::uint32_t port = index < ports.size() ? ports[index] : 0;
                     item.scalar("item", {[&ports](std::string_view text) {
                                            return read_ports(text, ports);
                                          },
                                          [port] { return std::to_string(port); }});
                   },
                   "item", true});
}

// Its name is the role; only mirrors have one of their own.
void describe_role(Fields& f, std::string_view key, shadow::Role role,
                   std::optional<shadow::TargetOptions>& target) {
  f.group(key, target.has_value(), [&target, role, key](Fields& inner) {
    if (!target) target.emplace().role = role;
    target->name = std::string(key);
    describe(inner, *target);
  });
}

void describe_mirror(Fields& f, shadow::TargetOptions& mirror) {
  mirror.role = shadow::Role::kMirror;
  checked(f, "name", mirror.name, check_service_name);
  describe(f, mirror);
}

void describe_targets(Fields& f, ServiceConfig& service) {
  describe_role(f, "candidate", shadow::Role::kCandidate, service.candidate);
  describe_role(f, "secondary", shadow::Role::kSecondary, service.secondary);
  structs(f, "mirrors", service.mirrors, describe_mirror);
  for (std::size_t i = 0; i < service.mirrors.size(); ++i) {
    std::string& name = service.mirrors[i].name;
    if (name.empty()) name = "mirror-" + std::to_string(i + 1);
  }
}

constexpr std::size_t kMostAliases = 64;  // each is looked for in every answer

void describe_alias(Fields& f, shadow::SessionAlias& alias) {
  checked(f, "cookie", alias.cookie, check_cookie);
  checked(f, "json_path", alias.json_path, check_plain_path);
  if (alias.cookie.empty() == alias.json_path.empty()) {
    f.complain("cookie", "needs either 'cookie' or 'json_path'");
  }
}

void describe_impact(Fields& f, shadow::ImpactOptions& impact) {
  field(f, "enabled", impact.on);
  positive(f, "period", impact.period);
  field(f, "window", impact.window);
  field(f, "delay", impact.delay);
  if (impact.on && impact.window >= impact.period) {
    f.complain("window", "window: must be shorter than the period");
  }
}

// header:NAME.
Scalar cluster(std::string& header) {
  return {[&header](std::string_view text) -> std::string {
            if (!text.starts_with("header:") || !is_token(text.substr(7))) {
              return "'" + std::string(text) + "' is not header:NAME";
            }
            header = text.substr(7);
            return {};
          },
          [&header]() -> std::optional<std::string> {
            if (header.empty()) return std::nullopt;
            return "header:" + header;
          },
          true};
}

constexpr double kLeastAlpha = 1e-9;

void describe_noise(Fields& f, results::NoiseOptions& noise) {
  f.scalar("rule", {[&noise](std::string_view text) {
                      static const std::vector<std::string_view> kRules{"evidence", "diffy"};
                      return read_word(text, kRules, noise.rule);
                    },
                    [&noise] { return noise.rule; }, true});
  Scalar alpha = number_value(noise.alpha, kLeastAlpha, 0.5);
  alpha.print = [] { return std::nullopt; };  // printed beside the verdict's two
  f.scalar("alpha", alpha);
  field(f, "max_skew", noise.max_skew);
  field(f, "window", noise.window);
  f.scalar("cluster", cluster(noise.cluster_header));
  f.group("constant", true, [&noise](Fields& constant) {
    count(constant, "pairs", noise.constant_pairs, 1);
    field(constant, "over", noise.constant_time);
  });
  field(f, "resend", noise.resend);
}

void describe_results(Fields& f, results::ServiceOptions& results) {
  checked_list(f, "routes", results.routes, check_route);
  count(f, "max_routes", results.max_routes, 1, 100'000);
  number(f, "alpha", results.noise.alpha, kLeastAlpha, 0.5);
  count(f, "min_compared", results.verdict.min_compared, 1);
  number(f, "max_mismatch_ratio", results.verdict.max_mismatch_ratio, 0, 1);
  f.group("noise", true, [&results](Fields& noise) { describe_noise(noise, results.noise); });
}

void describe_api(Fields& f, ApiOptions& api) {
  field(f, "token_file", api.token_file);
  checked(f, "unix_socket", api.unix_socket, check_socket_path);
}

void describe_capture(Fields& f, CaptureOptions& capture) {
  field(f, "netns", capture.netns);
  count(f, "shards", capture.shards, 0, 64);
  size(f, "ring", capture.ring_bytes);
  percent(f, "sample_connections", capture.sample_connections);
  count(f, "mark", capture.mark);
  field(f, "force_clsact", capture.force_clsact);
}

void describe_store(Fields& f, results::StoreOptions& store) {
  size(f, "max_bytes", store.max_bytes);
  positive(f, "max_age", store.max_age);
  positive(f, "flush_interval", store.flush_interval);
  count(f, "samples", store.samples, 1, 1000);
}

void describe_webhook(Fields& f, WebhookOptions& webhook) {
  f.require("url");
  Scalar url = checked_value(webhook.url, check_webhook);
  url.hide = without_path;  // chat services put their token there
  f.scalar("url", url);
  field(f, "secret_file", webhook.secret_file);
  positive(f, "timeout", webhook.timeout);
  count(f, "attempts", webhook.attempts, 1);
}

}  // namespace

void describe(Fields& f, shadow::DispatchOptions& dispatch) {
  choice(f, "send", {"request", "response"}, dispatch.send);
  choice(f, "order", {"none", "connection", "happens-before"}, dispatch.order);
  field(f, "order_wait", dispatch.order_wait);
  choice(f, "trace", {"keep", "new", "drop"}, dispatch.trace);
  field(f, "guard", dispatch.guard);
  f.group("impact", true, [&dispatch](Fields& impact) { describe_impact(impact, dispatch.impact); });
  field(f, "expires", dispatch.expires);
  structs(f, "aliases", dispatch.aliases, describe_alias);
  if (dispatch.aliases.size() > kMostAliases) {
    f.complain("aliases", "aliases: at most " + std::to_string(kMostAliases));
  }
  positive(f, "original_timeout", dispatch.original_timeout);
}

void describe(Fields& f, ServiceConfig& service) {
  f.require("name");
  f.require("ports");
  checked(f, "name", service.name, check_service_name);
  describe_ports(f, service.ports);
  describe_interfaces(f, service.interfaces);
  f.group("targets", true, [&service](Fields& inner) { describe_targets(inner, service); });
  f.group("select", true, [&service](Fields& inner) { describe(inner, service.select); });
  describe(f, service.dispatch);
  field(f, "middleware", service.dispatch.middleware);
  field(f, "release", service.release);
  describe_results(f, service.results);
  f.group("compare", true, [&service](Fields& inner) { describe(inner, service.compare); });
}

void describe(Fields& f, Config& config) {
  checked(f, "listen", config.api.listen, check_listen);
  checked(f, "metrics_listen", config.api.metrics_listen, check_listen);
  field(f, "data_dir", config.data_dir);
  f.group("api", true, [&config](Fields& inner) { describe_api(inner, config.api); });
  f.group("limits", true, [&config](Fields& limits) {
    rate(limits, "rate", config.limits.rate);
    count(limits, "max_in_flight", config.limits.max_in_flight);
  });
  f.group("capture", true, [&config](Fields& inner) { describe_capture(inner, config.capture); });
  f.group("store", true, [&config](Fields& inner) { describe_store(inner, config.store); });
  f.group("redact", true,
          [&config](Fields& redact) { field(redact, "paths", config.redaction.paths); });
  f.group("webhook", !config.webhook.url.empty(),
          [&config](Fields& inner) { describe_webhook(inner, config.webhook); });
  structs(f, "services", config.services, describe);
}

}  // namespace shadowtap::config
