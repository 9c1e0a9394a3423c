#include "agent/config/validate.h"

#include <map>
#include <set>

#include "agent/config/checks.h"
#include "agent/config/describe.h"

namespace shadowtap::config {
namespace {

// The place of services[index].a.b…, or of the nearest ancestor that is in the text.
Place place_in(const Node& root, std::size_t index, std::initializer_list<const char*> keys) {
  const Node* node = root.find("services");
  if (!node || index >= node->items.size()) return {};
  node = &node->items[index];
  for (const char* key : keys) {
    const Node* next = node->find(key);
    if (!next) break;
    node = next;
  }
  return node->place;
}

class Validation {
 public:
  Validation(const Node& root, Complaints& complaints) : root_(root), complaints_(complaints) {}

  void count(const Config& config) {
    if (config.services.size() <= kMostServices) return;
    complaints_.add(place_in(root_, kMostServices, {}),
                    "services: one agent taps at most " + std::to_string(kMostServices));
  }

  void service(const ServiceConfig& service, std::size_t index) {
    name(service, index);
    ports(service, index);
    if (service.secondary && !service.candidate) {
      complaints_.add(place_in(root_, index, {"targets", "secondary"}),
                      "a secondary without a candidate has nothing to be compared with");
    }
    mirrors(service, index);
    const std::string wrong = compile_error(service.compare);
    if (!wrong.empty()) complaints_.add(place_in(root_, index, {"compare"}), "compare: " + wrong);
  }

  void api(const ApiOptions& api) {
    if (is_loopback(api.listen) || !api.token_file.empty() || !api.unix_socket.empty()) return;
    const Node* node = root_.find("listen");
    complaints_.add(node ? node->place : Place{},
                    "listen: " + api.listen +
                        " is not loopback: give --api-token-file (api.token_file), or listen on "
                        "127.0.0.1 or a Unix socket (unix:/run/shadowtap.sock)");
  }

  void order(const Config& config) {
    if (config.capture.shards <= 1) return;
    for (const ServiceConfig& service : config.services) {
      if (service.dispatch.order != shadow::Order::kHappensBefore) continue;
      complaints_.add(top_place("shards"),
                      "shards: service '" + service.name +
                          "' has order: happens-before, which needs one shard: what ended before "
                          "what began is known only where both were seen");
    }
  }

  void capture(const CaptureOptions& capture) {
    const std::uint64_t ring = capture.ring_bytes;
    if (ring < kLeastRing || ring > kMostRing || (ring & (ring - 1)) != 0) {
      complaints_.add(top_place("ring"), "ring: must be a power of two from 128KiB to 2GiB");
    }
    // Bits of kube-proxy and Cilium; 1337 is Istio's.
    if ((capture.mark & 0xcf00) != 0 || capture.mark == 1337) {
      complaints_.add(top_place("mark"),
                      "mark: 0x4000, 0x8000, 0x0f00 and 1337 belong to kube-proxy, Cilium, Istio");
    }
  }

 private:
  // What capture's load takes.
  static constexpr std::uint64_t kLeastRing = 128 << 10;
  static constexpr std::uint64_t kMostRing = std::uint64_t{2} << 30;
  static constexpr std::size_t kMostServices = 64;

  Place top_place(const char* key) const {
    const Node* capture = root_.find("capture");
    const Node* node = capture ? capture->find(key) : nullptr;
    return node ? node->place : Place{};
  }

  void name(const ServiceConfig& service, std::size_t index) {
    if (names_.insert(service.name).second) return;
    complaints_.add(place_in(root_, index, {"name"}),
                    "service '" + service.name + "' is there already");
  }

  void ports(const ServiceConfig& service, std::size_t index) {
    const Place place = place_in(root_, index, {"ports"});
    if (service.ports.empty()) {
      complaints_.add(place, "service '" + service.name + "' has no port");
    }
    for (const std::uint16_t port : service.ports) {
      const auto [at, fresh] = owner_of_port_.emplace(port, service.name);
      if (fresh) continue;
      complaints_.add(place, "port " + std::to_string(port) + " is given twice (service '" +
                                 at->second + "')");
    }
  }

  void mirrors(const ServiceConfig& service, std::size_t index) {
    std::set<std::string> seen;
    for (const shadow::TargetOptions& mirror : service.mirrors) {
      if (seen.insert(mirror.name).second) continue;
      complaints_.add(place_in(root_, index, {"targets", "mirrors"}),
                      "two mirrors are called '" + mirror.name + "'");
    }
  }

  const Node& root_;
  Complaints& complaints_;
  std::set<std::string> names_;
  std::map<std::uint16_t, std::string> owner_of_port_;
};

}  // namespace

void validate(const Config& config, const Node& root, Complaints& complaints) {
  Validation validation(root, complaints);
  validation.count(config);
  for (std::size_t i = 0; i < config.services.size(); ++i) {
    validation.service(config.services[i], i);
  }
  validation.api(config.api);
  validation.capture(config.capture);
  validation.order(config);
}

}  // namespace shadowtap::config
