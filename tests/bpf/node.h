// A host with two pods, between an external client and its network, made of namespaces:
//
//   ext  10.1.0.2 ──── eth0 10.1.0.1 (and .9)  node  br0 10.2.0.1 ──── pod_a 10.2.0.2
//        10.3.0.2 ──── eth1 10.3.0.1                              ──── pod_b 10.2.0.3
//
// Static neighbours, no IPv6. Gone with the object.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "agent/capture/namespace_thread.h"
#include "tests/bpf/sockets.h"

namespace shadowtap::testing {

// A place in the picture above, made by `ip netns add` under a random name.
class Place {
 public:
  explicit Place(const std::string& role);
  ~Place();
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const std::string& name() const { return name_; }
  void run(const std::string& command) const;  // in the namespace
  bool can_run(const std::string& command) const;
  // Sockets belong to the namespace they were made in.
  std::unique_ptr<Listener> listens(const std::string& address, std::uint16_t port);
  std::unique_ptr<Peer> connects(const std::string& address, std::uint16_t port,
                                 const std::string& from = "");

 private:
  std::string name_;
  std::unique_ptr<capture::NamespaceThread> inside_;
};

struct Node {
  Node();

  Place node{"node"}, ext{"ext"}, pod_a{"a"}, pod_b{"b"};
};

// Joins two places by a veth pair.
void join(const Place& left, const std::string& left_name, const Place& right,
          const std::string& right_name);

}  // namespace shadowtap::testing
