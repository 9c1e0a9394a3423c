#include "agent/http/conversation.h"

#include <algorithm>
#include <utility>

namespace shadowtap::http {

namespace {
std::int64_t end_of(const Bytes& bytes) {
  return bytes.offset + static_cast<std::int64_t>(bytes.bytes.size());
}

void advance(Bytes& bytes, std::size_t n) {
  bytes.bytes.remove_prefix(n);
  bytes.offset += static_cast<std::int64_t>(n);
  if (n > 0) bytes.starts_segment = false;
}

// Some clients and servers end a body with a line break that its length does not count.
std::size_t empty_lines(std::string_view bytes) {
  return std::min(bytes.find_first_not_of("\r\n"), bytes.size());
}
}  // namespace

Conversation::Conversation(ConversationContext& context, const Identity& identity, bool from_start)
    : context_(context),
      identity_(identity),
      last_(identity.begun),
      sync_(from_start ? Sync::kInStep : Sync::kSeeking) {}

Conversation::~Conversation() = default;

void Conversation::client_bytes(const Bytes& bytes) {
  if (stopped()) return;
  client_seen_ = std::max(client_seen_, end_of(bytes));
  if (sync_ == Sync::kSeeking && looks_like_tls(bytes)) return stop(ConversationEvent::kTls);
  if (awaits_upgrade()) {
    hold(held_client_, held_client_.end(), bytes);
  } else if (!forgetful_) {
    read_client(bytes);
  }
  last_ = bytes.time;
}

void Conversation::read_client(Bytes bytes) {
  while (!bytes.bytes.empty() && !forgetful_ && !stopped()) {
    if (request_ && refused_expectation(bytes)) return out_of_step("body not sent", Side::kClient);
    if (!request_ && sync_ == Sync::kInStep) advance(bytes, empty_lines(bytes.bytes));
    if (bytes.bytes.empty()) return;
    if (!request_ && !begin_request(bytes)) return;
    const bool was_begun = request_->begun();
    const auto progress = request_->feed(bytes.bytes);
    if (!was_begun && request_->begun()) request_first_ = bytes.time;
    advance(bytes, progress.consumed);
    if (progress.state == MessageParser::State::kError) return client_failed();
    if (request_->head_complete() && !head_told_) {
      if (misjudged()) return out_of_step("out of step", Side::kClient);
      head_read();
    }
    if (progress.state == MessageParser::State::kComplete) request_read(bytes.time);
    release_server();
    if (!awaits_upgrade()) continue;
    if (!bytes.bytes.empty()) hold(held_client_, held_client_.begin(), bytes);
    return;
  }
}

bool Conversation::begin_request(const Bytes& bytes) {
  if (sync_ == Sync::kUnconfirmed) {
    if (pending_.empty() && quiet_point(bytes)) {
      confirm();
    } else {
      const bool blank = empty_lines(bytes.bytes) == bytes.bytes.size();
      pipelines_ = pipelines_ || (!blank && !pending_.empty());
      out_of_step("pipelined after a gap", Side::kClient);
    }
  }
  if (sync_ == Sync::kSeeking) {
    if (!quiet_point(bytes)) {
      dropped(Side::kClient, looks_like_message(bytes));
      return false;
    }
    sync_ = Sync::kUnconfirmed;
    count(ConversationEvent::kResynchronised);
  }
  pipelines_ = pipelines_ || !pending_.empty();
  request_ = context_.parsers.take();
  request_->start_request();
  if (!context_.sink.needs_rest_of_request()) request_->forgo_rest();
  request_start_ = bytes.offset;
  head_told_ = false;
  return true;
}

// From here on the server may answer.
void Conversation::head_read() {
  head_told_ = true;
  const Request& request = request_->request();
  Pending pending;
  pending.start = request_start_;
  pending.answer_to = answer_to(request.method);
  pending.upgrade = pending.answer_to == AnswerTo::kConnect || request_->offers_upgrade();
  pending_.push_back(pending);
}

void Conversation::request_read(Time time) {
  Pending& pending = pending_.back();
  pending.complete = true;
  pending.opened_at = time;
  const bool damaged = request_->damaged();
  if (damaged) {
    unpaired_request("gap");
  } else {
    Exchange exchange;
    exchange.id = pending.id = context_.ids.next();
    exchange.service = identity_.service;
    exchange.connection = identity_.connection;
    exchange.index = requests_;
    exchange.client = identity_.client;
    exchange.server = identity_.server;
    exchange.request = std::move(request_->request());
    exchange.request_first = request_first_;
    exchange.request_last = time;
    pending.opened = true;
    context_.sink.opened(std::move(exchange));
  }
  ++requests_;
  context_.parsers.give(std::move(request_));
  if (pending.answered) {
    early_->id = pending.id;
    const auto early = std::move(early_);
    if (pending.opened) tell(std::move(*early));
    pop_pending();
  } else if (pending_.size() > context_.options.max_pending) {
    pipelines_ = true;
    out_of_step("too many pending", Side::kClient);
  }
}

void Conversation::client_failed() {
  const ParseError error = request_->error();
  const bool first = requests_ == 0 && sync_ == Sync::kInStep;
  if (first && error == ParseError::kTls) return stop(ConversationEvent::kTls);
  if (first && error == ParseError::kHttp2) return stop(ConversationEvent::kHttp2);
  if (first && error == ParseError::kNotHttp) return stop(ConversationEvent::kNotHttp);
  unreadable_ = true;
  forget_client(to_string(error));
}

void Conversation::server_bytes(const Bytes& bytes) {
  if (stopped()) return;
  server_seen_ = end_of(bytes);
  if (sync_ == Sync::kSeeking) {
    if (looks_like_upgrade(bytes)) return stop(ConversationEvent::kUpgraded);
    if (may_be_interim(bytes)) expect_answer();
    if (unanswered_ && final_answer_.seen_in(bytes.bytes, bytes.starts_segment)) unanswered_ = false;
    dropped(Side::kServer, looks_like_response(bytes));
  } else if (!held_server_.empty()) {
    hold(held_server_, held_server_.end(), bytes);
  } else {
    read_server(bytes);
  }
  last_ = bytes.time;
}

void Conversation::read_server(Bytes bytes) {
  while (!bytes.bytes.empty() && sync_ != Sync::kSeeking && !stopped()) {
    if (!response_) advance(bytes, empty_lines(bytes.bytes));
    if (bytes.bytes.empty()) return;
    if (!response_ && !begin_response(bytes)) return;
    if (!response_->begun()) response_first_ = bytes.time;
    const auto progress = response_->feed(bytes.bytes);
    advance(bytes, progress.consumed);
    if (progress.state == MessageParser::State::kError) {
      return out_of_step(to_string(response_->error()), Side::kServer);
    }
    if (progress.state == MessageParser::State::kComplete) response_read(bytes.time);
  }
}

bool Conversation::begin_response(const Bytes& bytes) {
  const Pending* const pending = unanswered();
  if (sync_ == Sync::kUnconfirmed) {
    // The server had not even received the request: this answers another one.
    const bool too_early = pending != nullptr && bytes.acknowledged <= pending->start;
    if (pending == nullptr || too_early) {
      pipelines_ = true;
      return out_of_step("unexpected response", Side::kServer), false;
    }
  }
  if (pending == nullptr && speaks_first(bytes)) return stop(ConversationEvent::kNotHttp), false;
  if (answers_nothing(bytes)) {
    unpaired_response("no request seen");
    return out_of_step("an answer nobody asked for", Side::kServer), false;
  }
  if (pending == nullptr) return hold(held_server_, held_server_.begin(), bytes), false;
  if (said_close_) count(ConversationEvent::kBytesAfterClose);
  response_ = context_.parsers.take();
  start_response(*pending);
  return true;
}

// Who answered before the request was complete is not known to anybody yet.
void Conversation::start_response(const Pending& pending) {
  response_->start_response(pending.answer_to);
  const bool wanted = pending.opened && context_.sink.needs_rest_of_original(pending.id);
  if (pending.complete && !wanted) response_->forgo_rest();
}

void Conversation::response_read(Time time) {
  if (response_->interim()) {
    if (++interim_ > 64) {
      return out_of_step(to_string(ParseError::kTooManyInterim), Side::kServer);
    }
    return start_response(*unanswered());
  }
  interim_ = 0;
  Pending& pending = *unanswered();
  const bool tunnel = response_->tunnel();
  const bool damaged = response_->damaged();
  said_close_ = !response_->keep_alive();
  Answered answered{pending.id, std::move(response_->response()), response_first_, time};
  context_.parsers.give(std::move(response_));
  if (damaged && pending.opened) {
    context_.sink.lost(pending.id, OriginalLoss::kLost, "gap");
    pending.opened = false;
  }
  if (!pending.complete) {
    pending.answered = true;
    early_ = std::make_unique<Answered>(std::move(answered));
    return;
  }
  if (pending.opened) tell(std::move(answered));
  pop_pending();
  if (tunnel) return stop(ConversationEvent::kUpgraded);
  release_client();
}

void Conversation::tell(Answered answered) {
  if (sync_ == Sync::kUnconfirmed) {
    held_ += answered.response.held_bytes();
    unconfirmed_.push_back(std::move(answered));
    return;
  }
  context_.sink.completed(answered.id, std::move(answered.response), answered.first, answered.last);
}

void Conversation::pop_pending() {
  pending_.erase(pending_.begin());
  if (forgetful_ && pending_.empty()) out_of_step("gap", Side::kServer);
}

// Answers that came before the request they belong to was read.
void Conversation::release_server() {
  while (!held_server_.empty() && unanswered() != nullptr && !stopped()) {
    const Held held = take_first(held_server_);
    read_server(held.view());
  }
  if (server_ended_ && held_server_.empty()) finish_server(last_);
}

void Conversation::release_client() {
  while (!held_client_.empty() && !awaits_upgrade()) {
    const Held held = take_first(held_client_);
    client_bytes(held.view());
  }
}

Conversation::Pending* Conversation::unanswered() {
  return pending_.empty() || pending_.front().answered ? nullptr : &pending_.front();
}

bool Conversation::awaits_upgrade() const {
  return !pending_.empty() && pending_.back().upgrade && pending_.back().complete;
}

Conversation::Held Conversation::take_first(HeldQueue& queue) {
  Held first = std::move(queue.front());
  queue.pop_front();
  held_ -= sizeof(Held) + first.bytes.size();
  return first;
}

void Conversation::hold(HeldQueue& queue, HeldQueue::const_iterator before, const Bytes& bytes) {
  const std::size_t cost = sizeof(Held) + bytes.bytes.size();
  if (held_ + cost > context_.options.max_held) {
    count(ConversationEvent::kHeldTooMuch);
    pipelines_ = true;
    return out_of_step("held too much", Side::kClient);
  }
  held_ += cost;
  queue.insert(before, {bytes.offset, std::string(bytes.bytes), bytes.acknowledged,
                        bytes.starts_segment, bytes.time});
}

}  // namespace shadowtap::http
