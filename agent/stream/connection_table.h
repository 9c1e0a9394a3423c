// All connections of one shard, found by flow and bounded in number, bytes and time:
// at a bound the idlest goes, and its reader is told why.
//
// Time is an argument and may come from a file. Not thread-safe but for the counters;
// owned by a shard's Assembly.
#pragma once

#include <unordered_map>
#include <vector>

#include "agent/net/flow.h"
#include "agent/net/segment.h"
#include "agent/stream/connection.h"
#include "agent/stream/options.h"

namespace shadowtap::stream {

class ConnectionTable {
 public:
  ConnectionTable(const StreamOptions& options, MakeReader make, TellTap tell_tap = {});

  void segment(const net::Segment& segment);
  // Gives up holes, lets readers' time-outs happen, forgets what is idle. Call it a few
  // times a second.
  void tick(Time now);
  // The input ended: closes everything.
  void flush(Time now);

  std::size_t size() const { return connections_.size(); }  // with those that ended of late
  std::size_t open_of(std::uint16_t service) const;
  std::size_t held_bytes() const { return total_bytes_; }
  const StreamCounters& counters() const { return context_.counters; }

 private:
  // Intrusive, newest first.
  template <Connection::Hook Connection::*kHook>
  struct List {
    Connection* newest = nullptr;
    Connection* oldest = nullptr;
    void push(Connection& c);
    void remove(Connection& c);
  };

  Connection* find(const net::Flow& flow);
  Connection& insert(const net::Segment& segment);
  void settle(Connection& connection);
  void close(Connection& connection, Closed why, Time time);
  void erase(Connection& connection);
  void evict_over_bounds(Time now);

  StreamOptions options_;
  ConnectionContext context_;
  std::unordered_map<net::Flow, Connection, net::FlowHash> connections_;
  List<&Connection::recent> live_;
  List<&Connection::recent> lingering_;
  List<&Connection::busy_hook> busy_;
  Connection* latest_ = nullptr;  // most segments belong to the same connection as the last
  std::size_t total_bytes_ = 0;
  std::vector<std::size_t> open_of_;  // by service
};

}  // namespace shadowtap::stream
