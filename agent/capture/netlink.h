// A route netlink socket: dumps, and notices of changes. Belongs for ever to the network
// namespace it was opened in. Knows framing only, not what a message means.
//
// Not thread-safe.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"

namespace shadowtap::capture {

using OnMessage = std::function<void(const nlmsghdr&)>;

class Netlink {
 public:
  // `groups`: RTMGRP_… whose notices are wanted; 0: none.
  static Result<Netlink> open(std::uint32_t groups);
  // Of a socket that is open and bound already.
  explicit Netlink(UniqueFd fd) : fd_(std::move(fd)) {}

  int descriptor() const { return fd_.get(); }

  // Asks for all of `type` (RTM_GET…) and passes each answer once all are there. Asks again
  // where the kernel says that the list changed meanwhile; EINTR: it did each time, and none
  // was passed.
  Result<> dump(std::uint16_t type, std::span<const std::byte> header, const OnMessage& on_message);

  // Passes what is waiting, without blocking. False: notices were lost, dump again.
  bool read_notices(const OnMessage& on_message);

 private:
  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
  std::vector<std::byte> notices_;  // kept, since somebody looks ten times a second
};

// The attributes after a message's own header of `header_bytes`.
void each_attribute(const nlmsghdr& message, std::size_t header_bytes,
                    const std::function<void(const rtattr&)>& on_attribute);
void each_nested(const rtattr& parent, const std::function<void(const rtattr&)>& on_attribute);

std::string_view text_of(const rtattr& attribute);
std::uint32_t u32_of(const rtattr& attribute);

template <class Header>
const Header& header_of(const nlmsghdr& message) {
  return *static_cast<const Header*>(NLMSG_DATA(&message));
}

}  // namespace shadowtap::capture
