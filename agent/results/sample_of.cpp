#include "agent/results/sample_of.h"

#include "agent/http/decode.h"
#include "agent/results/body_kind.h"

namespace shadowtap::results {
namespace {

constexpr std::size_t kMaxBody = 64 << 10;
constexpr std::size_t kMaxDifferences = 100;

// The longest prefix of at most `max` bytes that ends no character in its middle.
std::string_view cut(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  for (int i = 0; i < 3 && (static_cast<unsigned char>(text[max]) & 0xc0) == 0x80; ++i) --max;
  return text.substr(0, max);
}

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += i + k > bytes.size() ? '=' : kDigits[word >> (18 - 6 * k) & 63];
    }
  }
  return out;
}

// Text where it is that, else base64: of what is left once it is redacted, never before.
void show_body(std::string_view content_type, std::string_view bytes, const Redactor& redactor,
               ShownMessage& message) {
  // A secret may straddle the cut: redact more than is kept.
  const std::string redacted = redactor.body(content_type, cut(bytes, 4 * kMaxBody));
  message.body_is_text = is_text(redacted);
  message.body = message.body_is_text ? std::string(cut(redacted, kMaxBody))
                                      : base64(std::string_view(redacted).substr(0, kMaxBody));
}

ShownMessage shown(const http::HeaderList& headers, const http::Body& body,
                   const Redactor& redactor) {
  ShownMessage message;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    message.headers.emplace_back(headers.name(i), redactor.header(headers.name(i), headers.value(i)));
  }
  message.body_size = body.size;
  const std::string_view type = headers.find("Content-Type").value_or("");
  const auto coding = headers.find("Content-Encoding");
  if (!coding || body.bytes.empty()) {
    show_body(type, body.bytes, redactor, message);
    return message;
  }
  const http::DecodedBody decoded = http::decode_body(*coding, body.bytes, 4 * kMaxBody);
  const bool unknown = decoded.outcome == http::Decoding::kUnknownCoding;
  show_body(type, unknown ? body.bytes : decoded.bytes, redactor, message);
  // Text was not coded, whatever its header says; of what was, nobody knows what it holds.
  if (unknown && !message.body_is_text) {
    message.body = redactor.withheld(body.bytes);
    message.body_is_text = true;
  }
  return message;
}

ShownMessage shown(const http::Response& response, const Redactor& redactor) {
  ShownMessage message = shown(response.headers, response.body, redactor);
  message.status = response.status;
  return message;
}

void add_differences(const Comparison& comparison, const Redactor& redactor, DiffRow& row) {
  const auto* compared = std::get_if<Compared>(&comparison.ending);
  if (compared == nullptr) return;
  for (const diff::Difference& one : compared->candidate.all) {
    if (row.differences.size() == kMaxDifferences) break;
    ShownDifference shown;
    shown.path = one.path;
    shown.aggregated = one.aggregated;
    shown.kind = diff::to_string(one.kind);
    shown.original = redactor.value(one.path, one.aggregated, one.left);
    shown.candidate = redactor.value(one.path, one.aggregated, one.right);
    row.differences.push_back(std::move(shown));
  }
}

void add_timings(const Comparison& comparison, std::map<std::string, double>& timings) {
  const auto add = [&](const char* name, const std::optional<http::Answer>& answer) {
    if (!answer || !answer->ok()) return;
    timings[std::string(name) + "_first_byte"] = in_milliseconds(answer->to_first_byte);
    timings[std::string(name) + "_last_byte"] = in_milliseconds(answer->to_last_byte);
    timings[std::string(name) + "_round_trip"] = in_milliseconds(answer->round_trip);
  };
  if (comparison.original_first_byte) {
    timings["original_first_byte"] = in_milliseconds(*comparison.original_first_byte);
  }
  if (comparison.original_last_byte) {
    timings["original_last_byte"] = in_milliseconds(*comparison.original_last_byte);
  }
  add("candidate", comparison.candidate);
  add("secondary", comparison.secondary);
}

}  // namespace

DiffDetail detail_of(const Comparison& comparison, const std::string& service,
                     const Redactor& redactor) {
  DiffDetail detail;
  detail.row.time = comparison.time;
  detail.row.service = service;
  detail.row.method = comparison.method;
  detail.row.uri = redactor.target(comparison.target);
  add_differences(comparison, redactor, detail.row);
  const http::Exchange& exchange = comparison.exchange;
  detail.request = shown(exchange.request.headers, exchange.request.body, redactor);
  if (exchange.original) detail.original = shown(*exchange.original, redactor);
  if (comparison.candidate && comparison.candidate->ok()) {
    detail.candidate = shown(comparison.candidate->response, redactor);
  }
  if (comparison.secondary && comparison.secondary->ok()) {
    detail.secondary = shown(comparison.secondary->response, redactor);
  }
  add_timings(comparison, detail.timings_ms);
  if (const auto* error = std::get_if<ShadowError>(&comparison.ending)) {
    detail.error = http::to_string(error->error);
  }
  return detail;
}

std::size_t bytes_of(const DiffDetail& detail) {
  const auto message = [](const ShownMessage& m) {
    std::size_t sum = m.body.size() + sizeof m;
    for (const auto& [name, value] : m.headers) sum += name.size() + value.size() + 64;
    return sum;
  };
  std::size_t sum = sizeof detail + detail.row.uri.size() + message(detail.request);
  for (const ShownDifference& one : detail.row.differences) {
    sum += sizeof one + one.path.size() + one.original.size() + one.candidate.size() +
           one.aggregated.size();
  }
  if (detail.original) sum += message(*detail.original);
  if (detail.candidate) sum += message(*detail.candidate);
  if (detail.secondary) sum += message(*detail.secondary);
  return sum + detail.timings_ms.size() * 80;
}

}  // namespace shadowtap::results
