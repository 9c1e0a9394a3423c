#include "agent/stream/connection_table.h"

#include <utility>

namespace shadowtap::stream {

template <Connection::Hook Connection::*kHook>
void ConnectionTable::List<kHook>::push(Connection& c) {
  (c.*kHook) = {nullptr, newest};
  if (newest != nullptr) (newest->*kHook).previous = &c;
  newest = &c;
  if (oldest == nullptr) oldest = &c;
}

template <Connection::Hook Connection::*kHook>
void ConnectionTable::List<kHook>::remove(Connection& c) {
  const Connection::Hook hook = c.*kHook;
  (hook.previous != nullptr ? (hook.previous->*kHook).next : newest) = hook.next;
  (hook.next != nullptr ? (hook.next->*kHook).previous : oldest) = hook.previous;
}

ConnectionTable::ConnectionTable(const StreamOptions& options, MakeReader make, TellTap tell_tap)
    : options_(options), context_{options.held, std::move(make), std::move(tell_tap), {}} {}

Connection* ConnectionTable::find(const net::Flow& flow) {
  if (latest_ != nullptr && latest_->flow() == flow) return latest_;
  const auto found = connections_.find(flow);
  return found == connections_.end() ? nullptr : &found->second;
}

void ConnectionTable::segment(const net::Segment& segment) {
  context_.counters.segments.add();
  context_.counters.payload_bytes.add(segment.payload.size());
  Connection* connection = find(segment.flow);
  if (connection != nullptr && connection->replaced_by(segment)) {
    connection->tell_if_far(segment);
    if (!connection->closed()) close(*connection, Closed::kReplaced, segment.time);
    erase(*connection);
    connection = nullptr;
  }
  if (connection == nullptr) {
    // Nothing can be learnt of a connection from a bare ACK, FIN or RST.
    if (segment.payload.empty() && (segment.flags & net::kSyn) == 0) return;
    connection = &insert(segment);
  }
  latest_ = connection;
  if (connection->closed()) return context_.counters.events.add(ConnectionEvent::kLate);
  connection->segment(segment);
  if (live_.newest != connection) {
    live_.remove(*connection);
    live_.push(*connection);
  }
  if (connection->in_busy && busy_.newest != connection) {
    busy_.remove(*connection);
    busy_.push(*connection);
  }
  settle(*connection);
  evict_over_bounds(segment.time);
}

Connection& ConnectionTable::insert(const net::Segment& segment) {
  Connection& connection = connections_.try_emplace(segment.flow, segment, context_).first->second;
  live_.push(connection);
  if (open_of_.size() <= segment.service) open_of_.resize(segment.service + std::size_t{1});
  ++open_of_[segment.service];
  return connection;
}

std::size_t ConnectionTable::open_of(std::uint16_t service) const {
  return service < open_of_.size() ? open_of_[service] : 0;
}

// Brings the lists and the sum up to date after a connection changed.
void ConnectionTable::settle(Connection& connection) {
  const std::size_t held = connection.held_bytes();
  total_bytes_ += held - connection.accounted;
  connection.accounted = held;
  const bool busy = connection.busy();
  if (busy != connection.in_busy) {
    busy ? busy_.push(connection) : busy_.remove(connection);
    connection.in_busy = busy;
  }
  if (!connection.closed()) return;
  --open_of_[connection.service()];
  live_.remove(connection);
  lingering_.push(connection);
}

void ConnectionTable::close(Connection& connection, Closed why, Time time) {
  connection.close(why, time);
  settle(connection);
}

void ConnectionTable::erase(Connection& connection) {
  lingering_.remove(connection);
  if (latest_ == &connection) latest_ = nullptr;
  const net::Flow flow = connection.flow();
  connections_.erase(flow);
}

void ConnectionTable::evict_over_bounds(Time now) {
  while (connections_.size() > options_.max_connections) {
    if (lingering_.oldest == nullptr) close(*live_.oldest, Closed::kEvicted, now);
    erase(*lingering_.oldest);
  }
  while (total_bytes_ > options_.max_total_bytes && busy_.oldest != nullptr) {
    context_.counters.events.add(ConnectionEvent::kOverBytes);
    close(*busy_.oldest, Closed::kEvicted, now);
  }
}

void ConnectionTable::tick(Time now) {
  for (Connection* c = busy_.newest; c != nullptr;) {
    Connection* const next = c->busy_hook.next;
    c->tick(now, options_.hole_timeout);
    settle(*c);
    c = next;
  }
  while (live_.oldest != nullptr && now - live_.oldest->last() >= options_.idle_timeout) {
    close(*live_.oldest, Closed::kIdle, now);
  }
  while (lingering_.oldest != nullptr && now - lingering_.oldest->last() >= options_.linger) {
    erase(*lingering_.oldest);
  }
}

void ConnectionTable::flush(Time now) {
  while (live_.oldest != nullptr) close(*live_.oldest, Closed::kFlushed, now);
  while (lingering_.oldest != nullptr) erase(*lingering_.oldest);
}

}  // namespace shadowtap::stream
