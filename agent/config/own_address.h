// Whether a target is the tapped service itself, which would shadow its own shadows. A
// candidate on the same host and even the same port number is fine if another socket
// listens there. Looks at this host's addresses and listening sockets; resolves no names
// but `localhost`.
#pragma once

#include <string>
#include <vector>

#include "agent/base/endpoint.h"
#include "agent/config/config.h"

namespace shadowtap::config {

struct HostSockets {
  std::vector<Endpoint> addresses;  // of interfaces; ports are 0
  std::vector<Endpoint> listeners;  // wildcard addresses as they are (0.0.0.0, ::)
};

// From getifaddrs and /proc/net/tcp{,6}; what cannot be read is left out.
HostSockets host_sockets();

// The lines of /proc/net/tcp or tcp6 that are in state LISTEN.
std::vector<Endpoint> parse_listeners(const std::string& proc_net_tcp);

// True if a connection to `url` reaches the socket that serves `port`: it is an address of
// this host with that port, and no second socket listens on that port.
bool is_own(const std::string& url, std::uint16_t port, const HostSockets& host);

// "" or the sentence about the first target that is its own service.
std::string own_target(const Config& config, const HostSockets& host);

}  // namespace shadowtap::config
