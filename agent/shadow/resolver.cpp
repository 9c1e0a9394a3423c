#include "agent/shadow/resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace shadowtap::shadow {
namespace {

SocketAddress from_sockaddr(const sockaddr* address, socklen_t size) {
  SocketAddress out;
  std::memcpy(&out.storage, address, size);
  out.size = size;
  return out;
}

Addresses look_up(const std::string& host, std::uint16_t port, const Addresses& before) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return {before.list, true, true};
  Addresses out;
  out.answered = true;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    const SocketAddress address = from_sockaddr(entry->ai_addr, entry->ai_addrlen);
    if (std::find(out.list.begin(), out.list.end(), address) == out.list.end()) {
      out.list.push_back(address);
    }
  }
  ::freeaddrinfo(found);
  return out;
}

}  // namespace

std::optional<Endpoint> SocketAddress::endpoint() const {
  if (family() == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v4.sin_addr);
    return Endpoint::v4(bytes[0], bytes[1], bytes[2], bytes[3], ntohs(v4.sin_port));
  }
  if (family() != AF_INET6) return std::nullopt;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
  Endpoint endpoint;
  std::memcpy(endpoint.address.data(), &v6.sin6_addr, endpoint.address.size());
  endpoint.port = ntohs(v6.sin6_port);
  return endpoint;
}

std::string SocketAddress::to_string() const {
  if (family() == AF_UNIX) return reinterpret_cast<const sockaddr_un*>(&storage)->sun_path;
  const auto tcp = endpoint();
  return tcp ? tcp->to_string() : "?";
}

bool SocketAddress::operator==(const SocketAddress& other) const {
  return size == other.size && std::memcmp(&storage, &other.storage, size) == 0;
}

std::optional<SocketAddress> literal_address(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return std::nullopt;
  }
  const SocketAddress address = from_sockaddr(found->ai_addr, found->ai_addrlen);
  ::freeaddrinfo(found);
  return address;
}

SocketAddress unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(),
              std::min(path.size(), sizeof address.sun_path - 1));
  return from_sockaddr(reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

struct Resolver::State {
  struct Name {
    std::string host;
    std::uint16_t port;
    Duration interval;
    Time due;  // far away while it is being asked
    std::weak_ptr<ResolvedName> published;
  };

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Name> names;
  bool stopping = false;

  static void run(const std::shared_ptr<State>& state);
  // The next name that is due, marked as being asked; or when to look again.
  std::optional<Name> take_due(Time now, Time& next);
  void asked(const std::shared_ptr<ResolvedName>& published, Time now);
};

std::optional<Resolver::State::Name> Resolver::State::take_due(Time now, Time& next) {
  std::erase_if(names, [](const Name& name) { return name.published.expired(); });
  const auto first = std::min_element(
      names.begin(), names.end(), [](const Name& a, const Name& b) { return a.due < b.due; });
  next = now + std::chrono::hours(1);
  if (first == names.end()) return std::nullopt;
  next = std::min(next, first->due);
  if (first->due > now) return std::nullopt;
  const Name name = *first;
  first->due = Time::max();
  return name;
}

void Resolver::State::asked(const std::shared_ptr<ResolvedName>& published, Time now) {
  for (Name& name : names) {
    if (name.published.lock() == published) name.due = now + name.interval;
  }
}

void Resolver::State::run(const std::shared_ptr<State>& state) {
  std::unique_lock lock(state->mutex);
  while (!state->stopping) {
    Time next;
    const auto name = state->take_due(Time::clock::now(), next);
    if (!name) {
      state->changed.wait_until(lock, next);
      continue;
    }
    const auto published = name->published.lock();
    if (!published) continue;
    lock.unlock();
    auto fresh = std::make_shared<const Addresses>(
        look_up(name->host, name->port, *published->addresses()));
    std::atomic_store_explicit(&published->published_, std::move(fresh),
                               std::memory_order_release);
    lock.lock();
    state->asked(published, Time::clock::now());
  }
}

Resolver::Resolver() : state_(std::make_shared<State>()) {}

Resolver::~Resolver() {
  const std::lock_guard lock(state_->mutex);
  state_->stopping = true;
  state_->changed.notify_all();
}

std::shared_ptr<const ResolvedName> Resolver::follow(const std::string& host,
                                                     std::uint16_t port, Duration interval) {
  interval = std::max<Duration>(interval, std::chrono::milliseconds(10));
  const std::lock_guard lock(state_->mutex);
  for (const State::Name& name : state_->names) {
    if (name.host != host || name.port != port || name.interval != interval) continue;
    if (auto known = name.published.lock()) return known;
  }
  auto name = std::make_shared<ResolvedName>();
  state_->names.push_back({host, port, interval, Time::clock::now(), name});
  if (!started_) std::thread(State::run, state_).detach();
  started_ = true;
  state_->changed.notify_all();
  return name;
}

}  // namespace shadowtap::shadow
