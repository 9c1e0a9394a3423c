// Random exchanges, and random legal wires that carry them: split, pipelined, with
// interim answers, doubled, overlapping, out of order, connections interleaved.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "tests/support/wire.h"

namespace shadowtap::testing {

struct ModelExchange {
  std::string request;   // normal form, see normal_form()
  std::string response;
  std::string request_bytes;
  std::string response_bytes;  // with interim answers
  std::size_t waits_at = 0;  // of request_bytes: the client waits there for a 100
  bool closes = false;
};

struct ModelConnection {
  std::uint16_t port = 0;
  std::vector<ModelExchange> exchanges;
  std::vector<Packet> packets;
};

enum class Pipelining : std::uint8_t {
  kNone,
  kBatches,  // some requests, then all their answers
  kAlways,   // a request may be outstanding at every moment
};

struct ModelOptions {
  int connections = 3;
  Pipelining pipelining = Pipelining::kAlways;
  bool disorder = true;   // duplicates, overlaps, swaps
  bool traps = true;      // bodies that contain what looks like messages
};

class Model {
 public:
  Model(std::uint64_t seed, const ModelOptions& options);

  const std::vector<ModelConnection>& connections() const { return connections_; }
  // All connections' packets, each in its own order.
  std::vector<Packet> interleaved();

  std::mt19937_64& random() { return random_; }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  bool chance(int percent) { return below(100) < static_cast<std::size_t>(percent); }
  std::string text(std::size_t n);
  std::string body_text();
  std::string chunked(std::string_view body, std::string& trailers);
  ModelExchange exchange(const std::string& id, bool last);
  void answer(ModelExchange& exchange, const std::string& id, const std::string& method,
              bool last);
  void play(ModelConnection& connection);
  void ask(Wire& wire, const ModelExchange& exchange, bool alone);
  void disturb(std::vector<Packet>& packets);

  std::mt19937_64 random_;
  ModelOptions options_;
  std::vector<ModelConnection> connections_;
};

}  // namespace shadowtap::testing
