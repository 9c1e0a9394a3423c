// Whether a target is the tapped service itself, which would shadow its own shadows. A
// candidate on the same host and even the same port number is fine while another socket
// listens there: once that is gone, a service on a wildcard address gets its requests.
// Looks at this host's addresses and listening sockets; resolves no names but `localhost`.
// Any thread.
#pragma once

#include <functional>
#include <string>

#include "agent/config/config.h"
#include "agent/config/host_sockets.h"

namespace shadowtap::config {

// True if a connection to `target` may reach the socket that serves `port`: it is an address of
// this host with that port, and either only a wildcard socket listens there, or a socket of
// that address that is the only one of the port. Where it cannot be told, true.
bool is_own(const Endpoint& target, std::uint16_t port, const HostSockets& host);
bool is_own(const std::string& url, std::uint16_t port, const HostSockets& host);

// Whether an address is the service, as a question that can be asked at any time: looks at
// the host only where the port is one of the service's. Empty where it cannot be known, in
// another namespace.
std::function<bool(const Endpoint&)> own_check(const Config& config, const ServiceConfig& service);

// "" or the sentence about the first target that is its own service.
std::string own_target(const Config& config, const HostSockets& host);

}  // namespace shadowtap::config
