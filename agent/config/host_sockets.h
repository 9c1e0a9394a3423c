// The addresses of this network namespace, and the TCP sockets that listen in it. Asks the
// kernel for those only (sock_diag(7)), so that it costs the same on a host with many
// connections; where the kernel has no sock_diag, reads /proc/net/tcp and tcp6. Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/base/endpoint.h"

namespace shadowtap::config {

struct HostSockets {
  std::vector<Endpoint> addresses;  // of interfaces; ports are 0
  std::vector<Endpoint> listeners;  // wildcard addresses as they are (0.0.0.0, ::)
};

// What cannot be read is left out.
HostSockets host_sockets();

// True: no interface has the address. Three system calls, so asked first; it says nothing
// where foreign addresses may be bound (net.ipv4.ip_nonlocal_bind).
bool is_elsewhere(const Endpoint& address);

// The listeners, in each of the two ways. nullopt: there is no sock_diag.
std::optional<std::vector<Endpoint>> diagnosed_listeners();
std::vector<Endpoint> proc_listeners();
// The lines of /proc/net/tcp or tcp6 that are in state LISTEN.
std::vector<Endpoint> parse_listeners(const std::string& proc_net_tcp);

}  // namespace shadowtap::config
