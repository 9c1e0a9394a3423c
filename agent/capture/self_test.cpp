#include "agent/capture/self_test.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/base/unique_fd.h"
#include "agent/capture/namespace_thread.h"
#include "agent/capture/tap.h"

namespace shadowtap::capture {
namespace {

constexpr std::string_view kQuestion = "shadowtap asks";
constexpr std::string_view kReply = "shadowtap replies";

Result<UniqueFd> stream_socket() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return errno_error("open a socket");
  const timeval patience{.tv_sec = 2, .tv_usec = 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  return fd;
}

struct LoopbackListener {
  UniqueFd fd;
  std::uint16_t port = 0;
};

Result<LoopbackListener> listen_on_loopback() {
  auto fd = stream_socket();
  if (!fd) return fd.error();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd->get(), generic, size) || ::listen(fd->get(), 1) ||
      ::getsockname(fd->get(), generic, &size))
    return errno_error("listen on 127.0.0.1 (is lo up?)");
  return LoopbackListener{std::move(*fd), ntohs(address.sin_port)};
}

Result<> pass(int from, int to, std::string_view text) {
  char buffer[64];
  if (::send(from, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
    return errno_error("send over lo");
  if (::recv(to, buffer, text.size(), MSG_WAITALL) != static_cast<ssize_t>(text.size()))
    return errno_error("receive over lo");
  return {};
}

Result<> talk(const LoopbackListener& listener) {
  auto client = stream_socket();
  if (!client) return client.error();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(listener.port);
  if (::connect(client->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address))
    return errno_error("connect over lo");
  const UniqueFd server(::accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!server) return errno_error("accept over lo");
  if (auto asked = pass(client->get(), server.get(), kQuestion); !asked) return asked;
  return pass(server.get(), client->get(), kReply);
}

}  // namespace

Result<std::string> capture_on_loopback(const std::string& netns, bool force_clsact) {
  auto inside = NamespaceThread::start(netns);
  if (!inside) return inside.error();
  Result<LoopbackListener> listener = plain_error("not run");
  (*inside)->run([&] { listener = listen_on_loopback(); });
  if (!listener) return listener.error();
  TapOptions options;
  options.services = {{"self test", {listener->port}}};
  options.interfaces = {{"lo"}};
  options.netns = netns;
  options.ring_bytes = 128 << 10;
  options.force_clsact = force_clsact;
  auto tap = Tap::load(options);
  if (!tap) return tap.error();
  std::string to_server, to_client;
  const auto drain = [&] {
    (*tap)->ring(0).drain(1024, [&](const net::Segment& segment) {
      auto& text = segment.direction == net::Direction::kToServer ? to_server : to_client;
      text += segment.payload;
    });
  };
  drain();  // the first heartbeat
  if (auto attached = (*tap)->attach(); !attached) return attached.error();
  Result<> talked;
  (*inside)->run([&] { talked = talk(*listener); });
  drain();
  const std::string mechanism = (*tap)->attachments().front().mechanism;
  (*tap)->detach();
  if (!talked) return talked.error();
  if (to_server != kQuestion || to_client != kReply)
    return plain_error("a connection over lo was not captured (" +
                       std::to_string(to_server.size()) + " and " +
                       std::to_string(to_client.size()) + " bytes seen)");
  return "a connection over lo was captured in both directions by " + mechanism;
}

}  // namespace shadowtap::capture
