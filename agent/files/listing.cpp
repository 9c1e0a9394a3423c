#include "agent/files/listing.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "agent/http/decode.h"
#include "agent/http/hasher.h"

namespace shadowtap::files {
namespace {

namespace json = boost::json;

// For a terminal: control characters and bytes above 127 as \xNN.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c >= ' ' && c < 0x7f) {
      out += c;
    } else {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

// JSON is Unicode: where the bytes are not UTF-8 each stands as the code point of its value.
std::string as_unicode(std::string_view bytes) {
  if (http::to_utf8("utf-8", bytes)) return std::string(bytes);
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
      continue;
    }
    out += static_cast<char>(0xc0 | (byte >> 6));
    out += static_cast<char>(0x80 | (byte & 0x3f));
  }
  return out;
}

json::value hash_of(const http::Body& body) {
  if (!body.sha256 && !body.whole()) return nullptr;
  const http::Sha256 digest = body.sha256 ? *body.sha256 : http::sha256(body.bytes);
  std::string text;
  for (const std::uint8_t byte : digest) text += fmt::format("{:02x}", byte);
  return json::string(text);
}

std::string version_of(const http::Version& version) {
  return fmt::format("HTTP/{}.{}", version.major, version.minor);
}

// Every line has every key, so that a reader need not ask which kind it is.
json::object no_exchange(std::string_view what, std::string_view reason) {
  json::object line;
  for (const char* key : {"client", "server", "method", "uri", "version", "status",
                          "request_body_bytes", "response_body_bytes", "request_body_sha256",
                          "response_body_sha256", "connection", "index"}) {
    line[key] = nullptr;
  }
  line["complete"] = false;
  line["what"] = json::string_view(what.data(), what.size());
  line["reason"] = json::string_view(reason.data(), reason.size());
  return line;
}

std::string what_of(const http::Incident& incident) {
  using Of = http::Incident::Of;
  switch (incident.of) {
    case Of::kRequest: return "request not paired";
    case Of::kResponse: return "response not paired";
    case Of::kConnection: return "connection";
    case Of::kClientBytes: return fmt::format("{} bytes of the client lost", incident.bytes);
    case Of::kServerBytes: return fmt::format("{} bytes of the server lost", incident.bytes);
  }
  return "?";
}

}  // namespace

Lister::Lister(ListFormat format, std::function<void(std::string_view)> print)
    : format_(format), print_(std::move(print)) {}

void Lister::opened(http::Exchange exchange) { open_.emplace(exchange.id, std::move(exchange)); }

void Lister::completed(http::ExchangeId id, http::Response original, Time first_byte,
                       Time last_byte) {
  auto found = open_.extract(id);
  if (!found) return;
  http::Exchange& exchange = found.mapped();
  exchange.original = std::move(original);
  exchange.response_first = first_byte;
  exchange.response_last = last_byte;
  ++complete_;
  print_exchange(exchange, "");
}

void Lister::lost(http::ExchangeId id, http::OriginalLoss, const char* detail) {
  auto found = open_.extract(id);
  if (!found) return;
  ++incomplete_;
  print_exchange(found.mapped(), detail);
}

void Lister::print_exchange(const http::Exchange& exchange, const char* reason) {
  format_ == ListFormat::kJson ? print_json(exchange, reason) : print_text(exchange, reason);
}

void Lister::print_text(const http::Exchange& e, const char* reason) {
  std::string line = fmt::format("{} {} {}", e.client.to_string(), printable(e.request.method),
                                 printable(e.request.target));
  if (e.original) {
    line += fmt::format(" {} request={}B response={}B first={:.3f}ms last={:.3f}ms\n",
                        e.original->status, e.request.body.size, e.original->body.size,
                        in_milliseconds(e.response_first - e.request_last),
                        in_milliseconds(e.response_last - e.request_last));
  } else {
    line += fmt::format(" - request={}B lost: {}\n", e.request.body.size, reason);
  }
  print_(line);
}

void Lister::print_json(const http::Exchange& e, const char* reason) {
  json::object line{{"client", e.client.to_string()},
                    {"server", e.server.to_string()},
                    {"method", as_unicode(e.request.method)},
                    {"uri", as_unicode(e.request.target)},
                    {"version", version_of(e.request.version)},
                    {"status", nullptr},
                    {"request_body_bytes", e.request.body.size},
                    {"response_body_bytes", nullptr},
                    {"complete", e.original.has_value()},
                    {"request_body_sha256", hash_of(e.request.body)},
                    {"response_body_sha256", nullptr},
                    {"connection", e.connection},
                    {"index", e.index}};
  if (e.original) {
    line["status"] = e.original->status;
    line["response_body_bytes"] = e.original->body.size;
    line["response_body_sha256"] = hash_of(e.original->body);
    line["first_byte_ms"] = in_milliseconds(e.response_first - e.request_last);
    line["last_byte_ms"] = in_milliseconds(e.response_last - e.request_last);
  } else {
    line["reason"] = reason;
  }
  print_(json::serialize(line) + "\n");
}

void Lister::incident(const http::Incident& incident) {
  const std::string what = what_of(incident);
  if (format_ == ListFormat::kText) {
    print_(fmt::format("{} - {}: {}\n", incident.client.to_string(), what, incident.reason));
    return;
  }
  json::object line = no_exchange(what, incident.reason);
  line["client"] = incident.client.to_string();
  line["server"] = incident.server.to_string();
  line["connection"] = incident.connection;
  print_(json::serialize(line) + "\n");
}

void Lister::unreadable(std::string_view what, std::uint64_t place, std::string_view reason) {
  if (format_ == ListFormat::kText) {
    print_(fmt::format("- {} {}: {}\n", what, place, reason));
    return;
  }
  json::object line = no_exchange(what, reason);
  line["place"] = place;
  print_(json::serialize(line) + "\n");
}

void Lister::others(std::string_view what, std::uint64_t count) {
  if (count == 0) return;
  if (format_ == ListFormat::kText) {
    print_(fmt::format("- {} {}: not the service's\n", count, what));
    return;
  }
  json::object line = no_exchange(what, "not the service's");
  line["count"] = count;
  print_(json::serialize(line) + "\n");
}

}  // namespace shadowtap::files
