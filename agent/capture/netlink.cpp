#include "agent/capture/netlink.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace shadowtap::capture {
namespace {

constexpr std::size_t kReceiveBytes = 64 << 10;
constexpr int kSocketBufferBytes = 1 << 20;

enum class Walked { kMore, kDone, kFailed };

void walk_attributes(const rtattr* attribute, std::size_t left,
                     const std::function<void(const rtattr&)>& on_attribute) {
  while (RTA_OK(attribute, static_cast<unsigned>(left))) {
    on_attribute(*attribute);
    const std::size_t step = RTA_ALIGN(attribute->rta_len);
    if (step >= left) return;
    left -= step;
    attribute = reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(attribute) + step);
  }
}

Walked walk_messages(std::span<const std::byte> bytes, const OnMessage& on_message) {
  std::size_t left = bytes.size();
  const auto* at = bytes.data();
  while (left >= sizeof(nlmsghdr)) {
    const auto& message = *reinterpret_cast<const nlmsghdr*>(at);
    if (message.nlmsg_len < sizeof(nlmsghdr) || message.nlmsg_len > left) return Walked::kFailed;
    if (message.nlmsg_type == NLMSG_DONE) return Walked::kDone;
    if (message.nlmsg_type == NLMSG_ERROR) {
      errno = -header_of<nlmsgerr>(message).error;
      return Walked::kFailed;
    }
    on_message(message);
    const std::size_t step = NLMSG_ALIGN(message.nlmsg_len);
    if (step >= left) break;
    left -= step;
    at += step;
  }
  return Walked::kMore;
}

}  // namespace

Result<Netlink> Netlink::open(std::uint32_t groups) {
  UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return errno_error("open a netlink socket");
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &kSocketBufferBytes, sizeof kSocketBufferBytes);
  const int on = 1;  // dumps obey the filters in their requests
  ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address))
    return errno_error("bind a netlink socket");
  return Netlink(std::move(fd));
}

Result<> Netlink::dump(std::uint16_t type, std::span<const std::byte> header,
                       const OnMessage& on_message) {
  std::vector<char> request(NLMSG_SPACE(header.size()));
  auto& message = *reinterpret_cast<nlmsghdr*>(request.data());
  message.nlmsg_len = static_cast<std::uint32_t>(NLMSG_LENGTH(header.size()));
  message.nlmsg_type = type;
  message.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  message.nlmsg_seq = ++sequence_;
  std::memcpy(NLMSG_DATA(&message), header.data(), header.size());
  if (::send(fd_.get(), request.data(), request.size(), 0) < 0)
    return errno_error("ask netlink");
  std::vector<std::byte> buffer(kReceiveBytes);
  while (true) {
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read from netlink");
    const Walked walked =
        walk_messages(std::span(buffer).first(static_cast<std::size_t>(got)), on_message);
    if (walked == Walked::kDone) return {};
    if (walked == Walked::kFailed) return errno_error("dump from netlink");
  }
}

bool Netlink::read_notices(const OnMessage& on_message) {
  notices_.resize(kReceiveBytes);
  while (true) {
    const ssize_t got = ::recv(fd_.get(), notices_.data(), notices_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno != ENOBUFS;
    walk_messages(std::span(notices_).first(static_cast<std::size_t>(got)), on_message);
  }
}

void each_attribute(const nlmsghdr& message, std::size_t header_bytes,
                    const std::function<void(const rtattr&)>& on_attribute) {
  const std::size_t offset = NLMSG_SPACE(header_bytes);
  if (message.nlmsg_len <= offset) return;
  const auto* first =
      reinterpret_cast<const rtattr*>(reinterpret_cast<const char*>(&message) + offset);
  walk_attributes(first, message.nlmsg_len - offset, on_attribute);
}

void each_nested(const rtattr& parent, const std::function<void(const rtattr&)>& on_attribute) {
  walk_attributes(static_cast<const rtattr*>(RTA_DATA(&parent)), RTA_PAYLOAD(&parent),
                  on_attribute);
}

std::string_view text_of(const rtattr& attribute) {
  std::string_view text(static_cast<const char*>(RTA_DATA(&attribute)), RTA_PAYLOAD(&attribute));
  return text.substr(0, text.find('\0'));
}

std::uint32_t u32_of(const rtattr& attribute) {
  std::uint32_t value = 0;
  std::memcpy(&value, RTA_DATA(&attribute), std::min<std::size_t>(RTA_PAYLOAD(&attribute), 4));
  return value;
}

}  // namespace shadowtap::capture
