#include "agent/http/response_parser.h"

#include <utility>

#include "agent/http/message_parser.h"

namespace shadowtap::http {

namespace {
AnswerTo as_answer(bool head, bool connect) {
  return head ? AnswerTo::kHead : connect ? AnswerTo::kConnect : AnswerTo::kOther;
}
}  // namespace

ResponseParser::ResponseParser(const ParserOptions& options)
    : options_(options), parser_(std::make_unique<MessageParser>(options)) {}
ResponseParser::~ResponseParser() = default;
ResponseParser::ResponseParser(ResponseParser&&) noexcept = default;
ResponseParser& ResponseParser::operator=(ResponseParser&&) noexcept = default;

void ResponseParser::start(std::string_view request_method) {
  head_ = request_method == "HEAD";
  connect_ = request_method == "CONNECT";
  state_ = State::kNeedsMore;
  error_ = "";
  begun_ = reusable_ = upgraded_ = false;
  interim_ = 0;
  parser_->start_response(as_answer(head_, connect_));
}

ResponseParser::Progress ResponseParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  begun_ = begun_ || !bytes.empty();
  while (used < bytes.size() && state_ == State::kNeedsMore) {
    const auto progress = parser_->feed(bytes.substr(used));
    used += progress.consumed;
    if (progress.state == MessageParser::State::kError) {
      return fail(to_string(parser_->error()), used);
    }
    if (progress.state != MessageParser::State::kComplete) break;
    if (!parser_->interim()) return complete(used);
    if (++interim_ > options_.max_interim_responses) {
      return fail(to_string(ParseError::kTooManyInterim), used);
    }
    parser_->start_response(as_answer(head_, connect_));
  }
  return {state_, used};
}

ResponseParser::State ResponseParser::finish() {
  if (state_ != State::kNeedsMore) return state_;
  if (parser_->finish() == MessageParser::State::kComplete) {
    complete(0);
  } else {
    fail(begun_ ? to_string(ParseError::kEarlyEnd) : "closed without an answer", 0);
  }
  return state_;
}

bool ResponseParser::final_begun() const {
  if (!parser_->begun()) return false;
  return !parser_->head_complete() || !parser_->interim();
}

Response ResponseParser::take() { return std::move(parser_->response()); }

ResponseParser::Progress ResponseParser::complete(std::size_t consumed) {
  state_ = State::kComplete;
  upgraded_ = parser_->tunnel();
  reusable_ = parser_->keep_alive() && !upgraded_;
  return {state_, consumed};
}

ResponseParser::Progress ResponseParser::fail(const char* why, std::size_t consumed) {
  state_ = State::kProtocolError;
  error_ = why;
  return {state_, consumed};
}

}  // namespace shadowtap::http
