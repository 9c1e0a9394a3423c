#include "agent/recording.h"

#include <utility>

#include "agent/base/text.h"
#include "agent/http/decode.h"
#include "agent/results/body_kind.h"

namespace shadowtap {
namespace {

constexpr std::size_t kMaxRecordedBytes = 64 << 20;

// Text that does not decode was never coded, whatever its header says.
bool is_plain(http::Decoding outcome, std::string_view bytes) {
  return (outcome == http::Decoding::kUnknownCoding || outcome == http::Decoding::kCorrupt) &&
         results::is_text(bytes);
}

// A body redacted in its content, not in its coding: one that was changed goes out plain. Of
// one that cannot be decoded, what came out of it, or a note, goes in its place. One that was
// cut stays as it is: the writer leaves it out.
bool redact_body(http::Body& body, const http::HeaderList& headers,
                 const results::Redactor& redactor) {
  if (body.bytes.empty() || !body.whole()) return false;
  http::DecodedBody plain = http::decode_body(
      headers.find("Content-Encoding").value_or(""), body.bytes, kMaxRecordedBytes);
  if (is_plain(plain.outcome, body.bytes)) plain = {http::Decoding::kDecoded, body.bytes};
  const bool decoded = plain.outcome == http::Decoding::kDecoded;
  std::string redacted =
      decoded || !plain.bytes.empty()
          ? redactor.body(headers.find("Content-Type").value_or(""), plain.bytes)
          : redactor.withheld(body.bytes);
  if (decoded && redacted == plain.bytes) return false;
  body.bytes = std::move(redacted);
  body.size = body.bytes.size();
  return true;
}

http::HeaderList redact_headers(const http::HeaderList& headers, const results::Redactor& redactor,
                                const http::Body& body, bool body_changed) {
  http::HeaderList redacted;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    const std::string_view name = headers.name(i);
    if (body_changed && equal_ignoring_case(name, "Content-Encoding")) continue;
    if (body_changed && equal_ignoring_case(name, "Content-Length")) {
      redacted.append(name, std::to_string(body.size));
    } else {
      redacted.append(name, redactor.header(name, headers.value(i)));
    }
  }
  return redacted;
}

template <class Message>
void redact_message(Message& message, const results::Redactor& redactor) {
  const bool changed = redact_body(message.body, message.headers, redactor);
  message.headers = redact_headers(message.headers, redactor, message.body, changed);
  message.trailers = redact_headers(message.trailers, redactor, message.body, false);
}

void redact(http::Exchange& exchange, const results::Redactor& redactor) {
  exchange.request.target = redactor.target(exchange.request.target);
  redact_message(exchange.request, redactor);
  if (exchange.original) redact_message(*exchange.original, redactor);
}

}  // namespace

void Recording::opened(http::Exchange exchange) {
  open_bytes_ += exchange.request.held_bytes();
  open_.emplace(exchange.id, std::move(exchange));
  while (open_.size() > limits_.exchanges || (open_bytes_ > limits_.bytes && open_.size() > 1)) {
    ++shed_;
    end(open_.begin()->first);  // the oldest: ids count up
  }
}

void Recording::completed(http::ExchangeId id, http::Response original, Time first, Time last) {
  const auto found = open_.find(id);
  if (found == open_.end()) return;
  found->second.original = std::move(original);
  found->second.response_first = first;
  found->second.response_last = last;
  end(id);
}

void Recording::lost(http::ExchangeId id, http::OriginalLoss, const char*) {
  if (open_.contains(id)) end(id);
}

void Recording::end(http::ExchangeId id) {
  http::Exchange exchange = std::move(open_.extract(id).mapped());
  open_bytes_ -= exchange.request.held_bytes();
  if (!exchange.original) ++incomplete_;
  if (redactor_ != nullptr) redact(exchange, *redactor_);
  if (auto written = writer_.write(exchange); !written && failure_) failure_ = written.error();
}

}  // namespace shadowtap
