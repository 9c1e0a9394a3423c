#include "tests/support/model.h"

#include <algorithm>

namespace shadowtap::testing {
namespace {

std::string hex(std::size_t n) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  do {
    out.insert(out.begin(), kDigits[n % 16]);
    n /= 16;
  } while (n > 0);
  return out;
}

}  // namespace

Model::Model(std::uint64_t seed, const ModelOptions& options) : random_(seed), options_(options) {
  for (int i = 0; i < options.connections; ++i) {
    ModelConnection connection;
    connection.port = static_cast<std::uint16_t>(20000 + i);
    const std::size_t count = below(7);
    for (std::size_t n = 0; n < count; ++n) {
      const std::string id = std::to_string(i) + "." + std::to_string(n);
      connection.exchanges.push_back(exchange(id, n + 1 == count));
    }
    play(connection);
    if (options.disorder) disturb(connection.packets);
    connections_.push_back(std::move(connection));
  }
}

std::string Model::text(std::size_t n) {
  std::string out(n, ' ');
  for (char& c : out) c = static_cast<char>('a' + below(26));
  return out;
}

// Sometimes what a reader could take for the start or end of a message.
std::string Model::body_text() {
  static const char* const kTraps[] = {"0\r\n\r\n", "GET /trap HTTP/1.1\r\n\r\n",
                                       "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "\r\n\r\n"};
  std::string out = text(below(chance(10) ? 6000 : 60));
  if (options_.traps && chance(30)) {
    out.insert(chance(30) ? 0 : below(out.size() + 1), kTraps[below(4)]);
  }
  if (chance(10)) out += std::string(below(20), '\0');
  return out;
}

std::string Model::chunked(std::string_view body, std::string& trailers) {
  std::string out;
  while (!body.empty()) {
    const std::size_t n = 1 + below(std::min<std::size_t>(body.size(), 700));
    out += hex(n) + (chance(10) ? ";x=y" : "") + "\r\n" + std::string(body.substr(0, n)) + "\r\n";
    body.remove_prefix(n);
  }
  out += "0\r\n";
  if (chance(20)) {
    const std::string sum = text(5);
    out += "X-Sum: " + sum + "\r\n";
    trailers = "X-Sum: " + sum + "\n";
  }
  return out + "\r\n";
}

ModelExchange Model::exchange(const std::string& id, bool last) {
  static const char* const kMethods[] = {"GET", "POST", "PUT", "HEAD", "DELETE", "QUERY"};
  const std::string method = kMethods[below(6)];
  const std::string target = "/" + id + "/" + text(below(chance(3) ? 3000 : 30));
  ModelExchange e;
  std::string headers = "Host: model\r\n";
  std::string normal = "Host: model\n";
  if (chance(30)) {
    const std::string extra = text(below(200));
    headers += "X-Extra:  " + extra + " \r\n";
    normal += "X-Extra: " + extra + "\n";
  }
  const std::string body = method == "GET" || method == "HEAD" ? "" : body_text();
  std::string framed = body;
  std::string trailers;
  if (chance(30) && !body.empty()) {
    headers += "Transfer-Encoding: chunked\r\n";
    normal += "Transfer-Encoding: chunked\n";
    framed = chunked(body, trailers);
  } else if (!body.empty() || chance(20)) {
    headers += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    normal += "Content-Length: " + std::to_string(body.size()) + "\n";
  }
  const bool waits = !framed.empty() && chance(15);
  if (waits) {
    headers += "Expect: 100-continue\r\n";
    normal += "Expect: 100-continue\n";
  }
  e.request_bytes = (chance(5) ? "\r\n" : "") + method + " " + target + " HTTP/1.1\r\n" + headers +
                    "\r\n";
  if (waits) e.waits_at = e.request_bytes.size();
  e.request_bytes += framed;
  e.request = method + " " + target + "\n" + normal + "\n" + body + "\n" + trailers;
  answer(e, id, method, last);
  return e;
}

void Model::answer(ModelExchange& e, const std::string& id, const std::string& method, bool last) {
  static const int kStatus[] = {200, 201, 404, 499, 500, 304, 204};
  const int status = kStatus[below(7)];
  std::string headers = "X-Id: " + id + "\r\n";
  std::string normal = "X-Id: " + id + "\n";
  while (chance(15)) e.response_bytes += "HTTP/1.1 103 " + text(below(9)) + "\r\nLink: x\r\n\r\n";
  const bool bodiless = method == "HEAD" || status == 304 || status == 204;
  std::string body = bodiless ? "" : body_text();
  std::string framed = body;
  std::string trailers;
  const std::size_t framing = below(bodiless ? 2 : last ? 3 : 2);
  if (framing == 0) {
    headers += "Transfer-Encoding: chunked\r\n";
    normal += "Transfer-Encoding: chunked\n";
    if (!bodiless) framed = chunked(body, trailers);
  } else if (framing == 1) {
    const std::string length = std::to_string(bodiless ? below(1000) : body.size());
    headers += "Content-Length: " + length + "\r\n";
    normal += "Content-Length: " + length + "\n";
  } else {
    e.closes = true;
  }
  e.response_bytes += "HTTP/1.1 " + std::to_string(status) + " Phrase\r\n" + headers + "\r\n" + framed;
  e.response = std::to_string(status) + "\n" + normal + "\n" + body + "\n" + trailers;
}

// Batches of requests, then their answers; an answer never begins before its request ended.
void Model::play(ModelConnection& connection) {
  static constexpr std::uint32_t kNearWrap[] = {0xffffffff, 0xfffffff0, 0xffffff00, 0x7fffff80};
  const auto isn = [this] {
    return chance(50) ? kNearWrap[below(4)] : static_cast<std::uint32_t>(random_());
  };
  Wire wire(connection.port, isn(), isn());
  wire.acks = chance(70);
  wire.handshake();
  std::size_t asked = 0;
  std::size_t answered = 0;
  bool asking = false;
  const auto& exchanges = connection.exchanges;
  while (answered < exchanges.size()) {
    wire.mss = 1 + below(chance(30) ? 20 : 1460);
    const std::size_t outstanding = asked - answered;
    const bool may_pipeline = options_.pipelining == Pipelining::kAlways ||
                              (options_.pipelining == Pipelining::kBatches && asking);
    asking = asked < exchanges.size() &&
             (outstanding == 0 || (may_pipeline && outstanding < 4 && chance(40)));
    if (asking) {
      ask(wire, exchanges[asked++], outstanding == 0);
    } else {
      wire.server(exchanges[answered++].response_bytes);
    }
  }
  const bool closes = !exchanges.empty() && exchanges.back().closes;
  if (closes || chance(60)) wire.server_fin().client_fin();
  else if (chance(50)) wire.client_rst();
  connection.packets = std::move(wire.packets);
}

// Nobody waits for a 100 behind answers that are outstanding.
void Model::ask(Wire& wire, const ModelExchange& exchange, bool alone) {
  const std::string_view bytes = exchange.request_bytes;
  if (!alone || exchange.waits_at == 0) {
    wire.client(bytes);
    return;
  }
  wire.client(bytes.substr(0, exchange.waits_at));
  wire.server("HTTP/1.1 100 " + text(below(9)) + "\r\n\r\n");
  wire.client(bytes.substr(exchange.waits_at));
}

void Model::disturb(std::vector<Packet>& packets) {
  const auto bears_data = [&](std::size_t i) { return i < packets.size() && !packets[i].payload.empty(); };
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (!bears_data(i)) continue;
    const bool run = bears_data(i + 1) &&
                     packets[i].fields.direction == packets[i + 1].fields.direction;
    if (run && chance(10)) std::swap(packets[i], packets[i + 1]);
    if (chance(5)) {  // a copy, later
      const std::size_t to = std::min(packets.size(), i + 1 + below(6));
      packets.insert(packets.begin() + static_cast<long>(to), Packet(packets[i]));
    }
    if (run && packets[i].fields.sequence + packets[i].fields.payload_size ==
                   packets[i + 1].fields.sequence && chance(5)) {  // a longer copy
      Packet longer = packets[i];
      longer.payload += packets[i + 1].payload;
      longer.fields.payload_size += packets[i + 1].fields.payload_size;
      longer.fields.acknowledgment = packets[i + 1].fields.acknowledgment;  // not sent earlier
      packets.insert(packets.begin() + static_cast<long>(i) + 1, longer);
    }
  }
}

std::vector<Packet> Model::interleaved() {
  std::vector<Packet> all;
  std::vector<std::size_t> at(connections_.size(), 0);
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < connections_.size(); ++i) open.push_back(i);
  Time now{std::chrono::seconds(100)};
  while (!open.empty()) {
    const std::size_t k = below(open.size());
    const std::size_t c = open[k];
    if (at[c] == connections_[c].packets.size()) {
      open.erase(open.begin() + static_cast<long>(k));
      continue;
    }
    all.push_back(connections_[c].packets[at[c]++]);
    all.back().fields.time = now;
    now += std::chrono::microseconds(100);
  }
  return all;
}

}  // namespace shadowtap::testing
