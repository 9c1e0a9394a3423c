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
constexpr int kMostDumps = 5;  // of one question, while the list changes under it

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

// False: the last one is cut off.
bool each_message(std::span<const std::byte> bytes, const OnMessage& on_message) {
  std::size_t left = bytes.size();
  const auto* at = bytes.data();
  while (left >= sizeof(nlmsghdr)) {
    const auto& message = *reinterpret_cast<const nlmsghdr*>(at);
    if (message.nlmsg_len < sizeof(nlmsghdr) || message.nlmsg_len > left) return false;
    on_message(message);
    const std::size_t step = NLMSG_ALIGN(message.nlmsg_len);
    if (step >= left) break;
    left -= step;
    at += step;
  }
  return true;
}

// To one question.
struct Answers {
  std::vector<std::byte> messages;
  bool over = false;
  bool interrupted = false;
  int error = 0;

  void add(const nlmsghdr& message);
};

void Answers::add(const nlmsghdr& message) {
  interrupted = interrupted || (message.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
  if (message.nlmsg_type == NLMSG_DONE || message.nlmsg_type == NLMSG_ERROR) {
    over = true;  // both begin with an error, which is 0 or negative
    if (message.nlmsg_len >= NLMSG_LENGTH(sizeof(int))) error = -header_of<int>(message);
    return;
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(&message);
  messages.insert(messages.end(), bytes, bytes + message.nlmsg_len);
  messages.resize(NLMSG_ALIGN(messages.size()));
}

Result<Answers> answers_to(int socket, std::uint32_t sequence) {
  Answers answers;
  std::vector<std::byte> buffer(kReceiveBytes);
  while (!answers.over) {
    const ssize_t got = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return errno_error("read from netlink");
    const bool whole = each_message(
        std::span(buffer).first(static_cast<std::size_t>(got)), [&](const nlmsghdr& message) {
          if (message.nlmsg_seq == sequence) answers.add(message);
        });
    if (!whole) return plain_error("read from netlink: a message is cut off");
  }
  if (answers.error != 0) return errno_error("dump from netlink", answers.error);
  return answers;
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
  std::memcpy(NLMSG_DATA(&message), header.data(), header.size());
  for (int i = 0; i < kMostDumps; ++i) {
    message.nlmsg_seq = ++sequence_;
    if (::send(fd_.get(), request.data(), request.size(), 0) < 0)
      return errno_error("ask netlink");
    const auto answers = answers_to(fd_.get(), sequence_);
    if (!answers) return answers.error();
    if (answers->interrupted) continue;
    each_message(answers->messages, on_message);
    return {};
  }
  return errno_error("dump from netlink (the list changed meanwhile, each time)", EINTR);
}

bool Netlink::read_notices(const OnMessage& on_message) {
  notices_.resize(kReceiveBytes);
  while (true) {
    const ssize_t got = ::recv(fd_.get(), notices_.data(), notices_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno != ENOBUFS;
    each_message(std::span(notices_).first(static_cast<std::size_t>(got)), on_message);
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
