// Where pairing starts, stops, and starts again.
#include <algorithm>
#include <array>
#include <utility>

#include "agent/http/conversation.h"

namespace shadowtap::http {
namespace {

// In the middle of a stream only a method that is registered is taken for one.
constexpr std::array<std::string_view, 20> kMethods{
    "GET",  "HEAD",  "POST",   "PUT",      "DELETE",    "CONNECT", "OPTIONS",
    "TRACE", "PATCH", "QUERY", "PROPFIND", "PROPPATCH", "MKCOL",   "COPY",
    "MOVE", "LOCK",  "UNLOCK", "REPORT",   "SEARCH",    "PURGE"};

bool is_method(std::string_view token) {
  return std::find(kMethods.begin(), kMethods.end(), token) != kMethods.end();
}

bool begins_method(std::string_view bytes) {
  return std::any_of(kMethods.begin(), kMethods.end(), [bytes](std::string_view method) {
    return method.substr(0, bytes.size()) == bytes;
  });
}

enum class Looks : std::uint8_t { kNo, kMaybe, kLike };

// "METHOD SP target SP HTTP/1." as far as the piece goes.
Looks looks_like_request(std::string_view bytes) {
  const std::size_t method = bytes.find(' ');
  if (method == std::string_view::npos) return begins_method(bytes) ? Looks::kMaybe : Looks::kNo;
  if (!is_method(bytes.substr(0, method))) return Looks::kNo;
  const std::size_t newline = bytes.find('\n');
  const std::string_view line = bytes.substr(method + 1, newline - method - 1);
  const std::size_t target = line.find(' ');
  if (target == 0) return Looks::kNo;
  if (target == std::string_view::npos) {
    return newline == std::string_view::npos ? Looks::kMaybe : Looks::kNo;
  }
  static constexpr std::string_view kVersion = "HTTP/1.";
  const std::string_view version = line.substr(target + 1, kVersion.size());
  if (version != kVersion.substr(0, version.size())) return Looks::kNo;
  return version == kVersion ? Looks::kLike : Looks::kMaybe;
}

}  // namespace

const char* to_string(ConversationEvent event) {
  switch (event) {
    case ConversationEvent::kTls: return "tls";
    case ConversationEvent::kHttp2: return "http2";
    case ConversationEvent::kNotHttp: return "not_http";
    case ConversationEvent::kUpgraded: return "upgraded";
    case ConversationEvent::kResynchronised: return "resynchronised";
    case ConversationEvent::kOutOfStep: return "out_of_step";
    case ConversationEvent::kBytesAfterClose: return "bytes_after_close";
    case ConversationEvent::kHeldTooMuch: return "held_too_much";
    case ConversationEvent::kUnpairedRequest: return "unpaired_request";
    case ConversationEvent::kUnpairedResponse: return "unpaired_response";
    case ConversationEvent::kCount_: break;
  }
  return "?";
}

bool Conversation::looks_like_message(const Bytes& bytes) const {
  return bytes.starts_segment && looks_like_request(bytes.bytes) == Looks::kLike;
}

// A request begins here, the client had then received all that the server sent, and the
// server has answered the client's last bytes that we could not follow: before that,
// what looks like a request may be the body of one. A client that was seen to pipeline must
// have been quiet as well.
bool Conversation::quiet_point(const Bytes& bytes) const {
  if (bytes.acknowledged != server_seen_) return false;
  if (unanswered_) return false;
  if (pipelines_ && bytes.time - last_ < context_.options.quiet) return false;
  return bytes.starts_segment && looks_like_request(bytes.bytes) != Looks::kNo;
}

// A turn of bytes that belong to no exchange. Two messages in one turn: a client that
// pipelines.
void Conversation::dropped(Side side, bool message) {
  if (side == Side::kClient) expect_answer();
  if (std::exchange(last_dropped_, side) == side) {
    pipelines_ = pipelines_ || message;
    return;
  }
  if (side == Side::kClient) unpaired_request("out of step");
  if (side == Side::kServer) unpaired_response("no request seen");
}

void Conversation::expect_answer() {
  if (!std::exchange(unanswered_, true)) final_answer_ = {};
}

// RFC 8446 section 5.1: content type 20 to 23, legacy version 3.0 to 3.4.
bool Conversation::looks_like_tls(const Bytes& bytes) const {
  const std::string_view b = bytes.bytes;
  return requests_ == 0 && bytes.starts_segment && b.size() >= 3 && b[0] >= 20 && b[0] <= 23 &&
         b[1] == 3 && b[2] >= 0 && b[2] <= 4;
}

// What follows looks like anything, HTTP included.
bool Conversation::looks_like_response(const Bytes& bytes) const {
  const bool interim = bytes.bytes.size() > 9 && bytes.bytes[9] == '1';
  return bytes.starts_segment && bytes.bytes.substr(0, 7) == "HTTP/1." && !interim;
}

bool Conversation::looks_like_upgrade(const Bytes& bytes) const {
  return bytes.starts_segment && bytes.bytes.substr(0, 12) == "HTTP/1.1 101";
}

// As far as the piece goes. Behind a 1xx the client may go on with a request whose head we
// never saw.
bool Conversation::may_be_interim(const Bytes& bytes) const {
  static constexpr std::string_view kHttp = "HTTP/1.";
  const std::string_view begin = bytes.bytes.substr(0, kHttp.size());
  if (!bytes.starts_segment || begin != kHttp.substr(0, begin.size())) return false;
  return bytes.bytes.size() <= 9 || bytes.bytes[9] == '1';
}

// The server had received nothing yet of what it would answer.
bool Conversation::answers_nothing(const Bytes& bytes) const {
  if (bytes.acknowledged < 0) return false;
  if (!pending_.empty()) return bytes.acknowledged <= pending_.front().start;
  return bytes.acknowledged <= (request_ && request_->begun() ? request_start_ : client_seen_);
}

// The server's first bytes, before any request, are not an answer that overtook one.
bool Conversation::speaks_first(const Bytes& bytes) const {
  static constexpr std::string_view kHttp = "HTTP/";
  const std::string_view begin = bytes.bytes.substr(0, kHttp.size());
  return requests_ == 0 && bytes.offset == 0 && begin != kHttp.substr(0, begin.size());
}

// RFC 9110 section 10.1.1: a client that waited for 100 and got a final answer need not
// send the body it announced. What comes may be the next request, or a body that looks like
// one.
bool Conversation::refused_expectation(const Bytes& bytes) const {
  return head_told_ && !pending_.empty() && pending_.back().answered &&
         request_->request().body.size == 0 && request_->expects_continue() &&
         bytes.starts_segment && looks_like_request(bytes.bytes) != Looks::kNo;
}

// A guess that the whole head proved wrong.
bool Conversation::misjudged() const {
  return sync_ == Sync::kUnconfirmed && !is_method(request_->request().method);
}

void Conversation::confirm() {
  sync_ = Sync::kInStep;
  for (Answered& answered : std::exchange(unconfirmed_, {})) {
    held_ -= answered.response.held_bytes();
    tell(std::move(answered));
  }
}

void Conversation::count(ConversationEvent event) {
  context_.events.add(event);
  note(Incident::Of::kConnection, to_string(event));
}

void Conversation::note(Incident::Of of, const char* reason, std::uint64_t bytes) {
  context_.sink.incident(
      {of, reason, identity_.connection, identity_.client, identity_.server, bytes});
}

void Conversation::stop(ConversationEvent why) {
  count(why);
  if (sync_ == Sync::kUnconfirmed && pending_.empty()) confirm();
  lose_unconfirmed("unconfirmed");
  lose_pending(OriginalLoss::kLost, "upgraded");
  drop_response();
  context_.parsers.give(std::move(request_));
  held_server_.clear();
  held_client_.clear();
  held_ = 0;
  sync_ = Sync::kStopped;
}

// Which answer belongs to which request is no longer certain.
void Conversation::out_of_step(const char* why, Side last) {
  count(ConversationEvent::kOutOfStep);
  const bool tunnel = std::any_of(pending_.begin(), pending_.end(),
                                  [](const Pending& p) { return p.upgrade; });
  // The rest of a request in progress may look like anything.
  const bool amid_request = request_ && request_->begun();
  drop_request(why);
  drop_response();
  lose_pending(OriginalLoss::kLost, why);
  lose_unconfirmed("unconfirmed");
  held_server_.clear();
  held_client_.clear();
  held_ = 0;
  // Unknown whether the server took up the offer: then nothing after it need be HTTP.
  sync_ = tunnel || unreadable_ ? Sync::kStopped : Sync::kSeeking;
  last_dropped_ = last;
  unanswered_ = false;
  if (amid_request || last == Side::kClient) expect_answer();
  forgetful_ = said_close_ = false;
}

// The client's stream cannot be followed; what is pending can still be answered.
void Conversation::forget_client(const char* why) {
  if (sync_ == Sync::kUnconfirmed) return out_of_step(why, Side::kClient);
  const bool answerable = head_told_ && request_;
  pipelines_ = pipelines_ || (!answerable && !pending_.empty());
  if (!answerable) drop_request(why);
  if (answerable) {
    unpaired_request(why);
    context_.parsers.give(std::move(request_));
    pending_.back().complete = true;
    if (pending_.back().answered) {
      early_.reset();
      pending_.pop_back();
    }
  }
  forgetful_ = true;
  if (pending_.empty()) out_of_step(why, Side::kClient);
}

void Conversation::client_gap(std::int64_t from, std::int64_t to, Time time) {
  last_ = time;
  client_seen_ = to;
  if (sync_ == Sync::kSeeking) {
    last_dropped_ = Side::kClient;
    expect_answer();
  }
  if (stopped() || forgetful_ || sync_ == Sync::kSeeking) return;
  const auto missing = static_cast<std::uint64_t>(to - from);
  if (!request_ || request_->can_skip() < missing) {
    // What was lost held the beginning of another request.
    pipelines_ = pipelines_ || (request_ && request_->counting_down());
    return forget_client("gap");
  }
  if (request_->skip(missing) == MessageParser::State::kComplete) request_read(last_);
  release_server();
}

void Conversation::server_gap(std::int64_t from, std::int64_t to, Time time) {
  last_ = time;
  server_seen_ = to;
  if (stopped() || sync_ == Sync::kSeeking) return;  // what was lost need not be an answer
  const auto missing = static_cast<std::uint64_t>(to - from);
  if (!held_server_.empty() || !response_ || response_->can_skip() < missing) {
    return out_of_step("gap", Side::kServer);
  }
  if (response_->skip(missing) == MessageParser::State::kComplete) response_read(last_);
}

void Conversation::client_skipped(std::int64_t from, std::int64_t to, Time time) {
  const auto passed = static_cast<std::uint64_t>(to - from);
  if (!request_ || request_->unneeded() < passed) return client_gap(from, to, time);
  last_ = time;
  client_seen_ = to;
  if (request_->pass(passed) == MessageParser::State::kComplete) request_read(time);
}

void Conversation::server_skipped(std::int64_t from, std::int64_t to, Time time) {
  const auto passed = static_cast<std::uint64_t>(to - from);
  if (!response_ || response_->unneeded() < passed) return server_gap(from, to, time);
  last_ = time;
  server_seen_ = to;
  if (response_->pass(passed) == MessageParser::State::kComplete) response_read(time);
}

namespace {
// Fewer bytes are not worth a word to the tap.
constexpr std::uint64_t kWorthSkipping = 64 << 10;

std::int64_t last_byte(const MessageParser& parser, std::int64_t seen) {
  const std::uint64_t left = parser.unneeded();
  return left < kWorthSkipping ? 0 : seen + static_cast<std::int64_t>(left) - 1;
}
}  // namespace

std::int64_t Conversation::client_unneeded_until() const {
  return request_ && held_client_.empty() ? last_byte(*request_, client_seen_) : 0;
}

std::int64_t Conversation::server_unneeded_until() const {
  return response_ && held_server_.empty() ? last_byte(*response_, server_seen_) : 0;
}

void Conversation::server_end(Time time) {
  last_ = time;
  server_ended_ = true;
  if (held_server_.empty()) finish_server(time);
}

void Conversation::finish_server(Time time) {
  if (stopped() || sync_ == Sync::kSeeking) return;
  if (response_ && response_->finish() == MessageParser::State::kComplete) response_read(time);
  drop_response();
  if (pending_.empty() || !pending_.front().complete) return;
  for (Pending& pending : pending_) {
    if (std::exchange(pending.opened, false)) {
      context_.sink.lost(pending.id, OriginalLoss::kAborted, "closed");
    }
  }
}

void Conversation::closed(const Ending& ending, Time time) {
  last_ = time;
  if (stopped()) return;
  if (sync_ == Sync::kUnconfirmed && pending_.empty()) confirm();
  if (!held_server_.empty()) unpaired_response("no request seen");
  drop_request(ending.detail);
  lose_pending(ending.loss, ending.detail);
  lose_unconfirmed(ending.detail);
  drop_response();
  sync_ = Sync::kStopped;
}

void Conversation::tick(Time now) {
  if (sync_ == Sync::kUnconfirmed && pending_.empty() && now - last_ >= context_.options.quiet) {
    confirm();
  }
  for (Pending& pending : pending_) {
    if (!pending.opened || now - pending.opened_at < context_.options.response_timeout) continue;
    pending.opened = false;  // its place in the order stays
    context_.sink.lost(pending.id, OriginalLoss::kTimeout, "no answer in time");
  }
}

void Conversation::lose_pending(OriginalLoss loss, const char* detail) {
  for (const Pending& pending : std::exchange(pending_, {})) {
    if (pending.opened) context_.sink.lost(pending.id, loss, detail);
  }
  early_.reset();
}

void Conversation::lose_unconfirmed(const char* detail) {
  for (const Answered& answered : std::exchange(unconfirmed_, {})) {
    context_.sink.lost(answered.id, OriginalLoss::kLost, detail);
  }
}

void Conversation::drop_request(const char* detail) {
  if (request_ && request_->begun()) unpaired_request(detail);
  context_.parsers.give(std::move(request_));
}

void Conversation::drop_response() { context_.parsers.give(std::move(response_)); }

void Conversation::unpaired_request(const char* detail) {
  context_.events.add(ConversationEvent::kUnpairedRequest);
  note(Incident::Of::kRequest, detail);
}

void Conversation::unpaired_response(const char* detail) {
  context_.events.add(ConversationEvent::kUnpairedResponse);
  note(Incident::Of::kResponse, detail);
}

bool Conversation::busy() const {
  return !pending_.empty() || !unconfirmed_.empty() || request_ || response_ || held_ > 0;
}

std::size_t Conversation::held_bytes() const {
  return held_ + (request_ ? sizeof *request_ + request_->held_bytes() : 0) +
         (response_ ? sizeof *response_ + response_->held_bytes() : 0) +
         (early_ ? early_->response.held_bytes() : 0);
}

}  // namespace shadowtap::http
