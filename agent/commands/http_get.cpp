#include "agent/commands/http_get.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "agent/base/unique_fd.h"
#include "agent/http/response_parser.h"

namespace shadowtap::commands {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

constexpr std::size_t kMaxBody = std::size_t{1} << 30;

struct Place {
  std::string host;  // without brackets
  std::string port = "80";
  std::string authority;
  std::string target = "/";
};

Result<Place> parse(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) {
    return plain_error(url + ": only http:// URLs can be fetched; save the answer to a file");
  }
  Place place;
  std::string rest = url.substr(kScheme.size());
  rest = rest.substr(0, rest.find('#'));
  const auto end = rest.find_first_of("/?");
  place.authority = rest.substr(0, end);
  if (end != rest.npos) place.target = (rest[end] == '?' ? "/" : "") + rest.substr(end);
  if (place.authority.find('@') != std::string::npos) {
    return plain_error(url + ": user and password in a URL are not supported");
  }
  place.host = place.authority;
  const auto colon = place.host.rfind(':');
  if (colon != place.host.npos && place.host.find(']', colon) == place.host.npos) {
    place.port = place.host.substr(colon + 1);
    place.host.resize(colon);
  }
  if (place.host.starts_with('[') && place.host.ends_with(']')) {
    place.host = place.host.substr(1, place.host.size() - 2);
  }
  if (place.host.empty() || place.port.empty()) return plain_error(url + ": has no host");
  for (const char c : place.target) {
    if (static_cast<unsigned char>(c) <= ' ') return plain_error(url + ": has a space in it");
  }
  return place;
}

// Waits for the socket; false at the deadline.
bool wait_for(int fd, short events, SteadyTime deadline) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd{fd, events, 0};
    const int ready = poll(&poll_fd, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

Error timed_out(const std::string& url) { return errno_error("fetch " + url, ETIMEDOUT); }

Result<UniqueFd> connect_to(const Place& place, const std::string& url, SteadyTime deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(place.host.c_str(), place.port.c_str(), &hints, &found)) {
    return plain_error("resolve " + place.host + ": " + gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  Error last = plain_error(url + ": has no address");
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    UniqueFd fd(socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (fd.get() < 0) return errno_error("open a socket");
    if (connect(fd.get(), a->ai_addr, a->ai_addrlen) != 0) {
      if (errno != EINPROGRESS) {
        last = errno_error("connect to " + place.authority);
        continue;
      }
      if (!wait_for(fd.get(), POLLOUT, deadline)) return timed_out(url);
      int error = 0;
      socklen_t size = sizeof error;
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) {
        last = errno_error("connect to " + place.authority, error);
        continue;
      }
    }
    return fd;
  }
  return last;
}

Result<> send_all(int fd, std::string_view bytes, const std::string& url, SteadyTime deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      return errno_error("send to " + url);
    } else if (!wait_for(fd, POLLOUT, deadline)) {
      return timed_out(url);
    }
  }
  return {};
}

Result<http::Response> receive(int fd, const std::string& url, SteadyTime deadline) {
  using State = http::ResponseParser::State;
  http::ParserOptions options;
  options.max_body_bytes = kMaxBody;
  http::ResponseParser parser(options);
  parser.start("GET");
  std::string buffer(64 << 10, '\0');
  State state = State::kNeedsMore;
  while (state == State::kNeedsMore) {
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      state = parser.feed({buffer.data(), static_cast<std::size_t>(got)}).state;
    } else if (got == 0) {
      state = parser.finish();
    } else if (errno != EAGAIN && errno != EINTR) {
      return errno_error("receive from " + url);
    } else if (!wait_for(fd, POLLIN, deadline)) {
      return timed_out(url);
    }
  }
  if (state == State::kProtocolError) {
    return plain_error(url + ": no HTTP/1 response: " + parser.error());
  }
  return parser.take();
}

}  // namespace

Result<http::Response> http_get(const std::string& url, Duration timeout) {
  const auto place = parse(url);
  if (!place) return place.error();
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto fd = connect_to(*place, url, deadline);
  if (!fd) return fd.error();
  const std::string request = "GET " + place->target + " HTTP/1.1\r\nHost: " + place->authority +
                              "\r\nAccept: */*\r\nUser-Agent: shadowtap-compare\r\n"
                              "Connection: close\r\n\r\n";
  if (const auto sent = send_all(fd->get(), request, url, deadline); !sent) return sent.error();
  return receive(fd->get(), url, deadline);
}

}  // namespace shadowtap::commands
