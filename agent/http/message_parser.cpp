#include "agent/http/message_parser.h"

#include <algorithm>
#include <array>

#include "agent/http/framing.h"

namespace shadowtap::http {
namespace {

constexpr std::size_t kMaxMethod = 32;
constexpr std::size_t kFirstBodyReserve = 64 << 10;
constexpr char kTlsHandshake = 0x16;  // RFC 8446 section 5.1, ContentType

// RFC 9110 section 5.6.2.
constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~0123456789"
                                       "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")) {
    table[static_cast<unsigned char>(c)] = true;
  }
  return table;
}
constexpr auto kToken = make_token_table();

bool is_token(char c) { return kToken[static_cast<unsigned char>(c)]; }
bool is_target(char c) { return static_cast<unsigned char>(c) > ' ' && c != 0x7f; }

}  // namespace

struct ParserCallbacks {
  static MessageParser& self(llhttp_t* p) { return *static_cast<MessageParser*>(p->data); }

  static int status(llhttp_t* p, const char* at, std::size_t n) {
    self(p).response_.reason.append(at, n);
    return 0;
  }
  static int field(llhttp_t* p, const char* at, std::size_t n) {
    return self(p).on_field({at, n});
  }
  static int value(llhttp_t* p, const char* at, std::size_t n) {
    return self(p).on_value({at, n});
  }
  static int value_complete(llhttp_t* p) { return self(p).on_value_complete(); }
  static int pause(llhttp_t*) { return HPE_PAUSED; }

  static const llhttp_settings_t& settings() {
    static const llhttp_settings_t kSettings = [] {
      llhttp_settings_t s{};
      s.on_status = status;
      s.on_header_field = field;
      s.on_header_value = value;
      s.on_header_value_complete = value_complete;
      s.on_headers_complete = pause;
      return s;
    }();
    return kSettings;
  }
};

const char* to_string(ParseError error) {
  switch (error) {
    case ParseError::kNone: return "";
    case ParseError::kTls: return "tls";
    case ParseError::kHttp2: return "http2";
    case ParseError::kNotHttp: return "not http";
    case ParseError::kHttp09: return "http/0.9";
    case ParseError::kHeadTooLarge: return "head too large";
    case ParseError::kTooManyLines: return "too many header lines";
    case ParseError::kSyntax: return "syntax";
    case ParseError::kFraming: return "ambiguous framing";
    case ParseError::kChunk: return "bad chunk";
    case ParseError::kEarlyEnd: return "early end";
    case ParseError::kTooManyInterim: return "too many interim responses";
    case ParseError::kCount_: break;
  }
  return "?";
}

AnswerTo answer_to(std::string_view method) {
  if (method == "HEAD") return AnswerTo::kHead;
  if (method == "CONNECT") return AnswerTo::kConnect;
  return AnswerTo::kOther;
}

void MessageParser::start(llhttp_type_t type) {
  llhttp_init(&parser_, type, &ParserCallbacks::settings());
  parser_.data = this;
  is_request_ = type == HTTP_REQUEST;
  lines_ = {};
  chunks_.start(options_.max_head_bytes);
  // Both a length and a transfer coding: begin_body() decides, by RFC 9112 section 6.3.
  llhttp_set_lenient_chunked_length(&parser_, 1);
  hasher_.reset();
  remaining_ = length_ = 0;
  head_bytes_ = 0;
  state_ = State::kNeedsMore;
  error_ = ParseError::kNone;
  begun_ = has_length_ = in_line_ = offers_upgrade_ = keep_alive_ = damaged_ = forgone_ = false;
}

void MessageParser::start_request() {
  start(HTTP_REQUEST);
  request_ = Request();
  stage_ = Stage::kMethod;
}

void MessageParser::start_response(AnswerTo request) {
  start(HTTP_RESPONSE);
  response_ = Response();
  answer_to_ = request;
  stage_ = Stage::kHead;
}

void MessageParser::forget() {
  request_ = Request();
  response_ = Response();
  hasher_.reset();
}

MessageParser::Progress MessageParser::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ == State::kNeedsMore) used += step(bytes.substr(used));
  return {state_, used};
}

std::size_t MessageParser::step(std::string_view bytes) {
  switch (stage_) {
    case Stage::kMethod: return read_method(bytes);
    case Stage::kTarget: return read_target(bytes);
    case Stage::kHead: return run_llhttp(bytes);
    case Stage::kChunked: return read_chunked(bytes);
    case Stage::kTrailers: return execute(bytes);
    case Stage::kCounted: return read_counted(bytes);
    case Stage::kUntilClose: take_body(bytes); return bytes.size();
    case Stage::kDone: break;
  }
  return 0;
}

// RFC 9112 section 2.2: empty lines before a request line are ignored.
std::size_t MessageParser::read_method(std::string_view bytes) {
  std::size_t i = 0;
  if (!begun_) {
    while (i < bytes.size() && (bytes[i] == '\r' || bytes[i] == '\n')) ++i;
    if (i == bytes.size()) return i;
    begun_ = true;
    if (bytes[i] == kTlsHandshake) return fail(ParseError::kTls), i;
  }
  const std::size_t first = i;
  while (i < bytes.size() && is_token(bytes[i])) ++i;
  request_.method.append(bytes.substr(first, std::min(i - first, kMaxMethod + 1)));
  count_head(i);
  if (request_.method.size() > kMaxMethod) return fail(ParseError::kNotHttp), i;
  if (i == bytes.size()) return i;
  if (bytes[i] != ' ' || request_.method.empty()) return fail(ParseError::kNotHttp), i;
  stage_ = Stage::kTarget;
  return i + 1;
}

std::size_t MessageParser::read_target(std::string_view bytes) {
  std::size_t i = 0;
  while (i < bytes.size() && is_target(bytes[i])) ++i;
  request_.target.append(bytes.substr(0, i));
  count_head(i);
  if (i == bytes.size() || state_ != State::kNeedsMore) return i;
  if (request_.target.empty()) return fail(ParseError::kNotHttp), i;
  if (bytes[i] == '\r' || bytes[i] == '\n') return fail(ParseError::kHttp09), i;
  if (bytes[i] != ' ') return fail(ParseError::kSyntax), i;
  static constexpr std::string_view kStandIn = "GET / ";
  llhttp_execute(&parser_, kStandIn.data(), kStandIn.size());
  request_.headers.reserve(12, 512);
  stage_ = Stage::kHead;
  return i + 1;
}

std::size_t MessageParser::run_llhttp(std::string_view bytes) {
  if (!begun_) response_.headers.reserve(12, 512);
  begun_ = true;
  const std::size_t line = lines_.before_bare_lf(bytes);
  if (line == 0) {
    static constexpr char kCr = '\r';
    execute({&kCr, 1});
    lines_.add_cr();
    if (state_ != State::kNeedsMore) return 0;
  }
  bytes = bytes.substr(0, std::max<std::size_t>(line, 1));
  const std::size_t used = execute(bytes);
  if (stage_ == Stage::kHead) lines_.add(bytes);
  return used;
}

std::size_t MessageParser::execute(std::string_view bytes) {
  const llhttp_errno_t error = llhttp_execute(&parser_, bytes.data(), bytes.size());
  const std::size_t used =
      error == HPE_OK ? bytes.size()
                      : static_cast<std::size_t>(llhttp_get_error_pos(&parser_) - bytes.data());
  count_head(used);
  if (state_ != State::kNeedsMore || error == HPE_OK) return used;
  if (error != HPE_PAUSED) {
    const bool head = stage_ == Stage::kHead;
    fail(!head ? ParseError::kSyntax
         : error == HPE_INVALID_CONTENT_LENGTH || error == HPE_INVALID_TRANSFER_ENCODING
             ? ParseError::kFraming
         : error == HPE_INVALID_CONSTANT && !is_request() ? ParseError::kNotHttp
                                                          : ParseError::kSyntax);
    return used;
  }
  stage_ == Stage::kHead ? begin_body() : complete();
  return used;
}

void MessageParser::count_head(std::size_t bytes) {
  head_bytes_ += bytes;
  if (head_bytes_ > options_.max_head_bytes) fail(ParseError::kHeadTooLarge);
}

int MessageParser::on_field(std::string_view piece) {
  HeaderList& list = stage_ == Stage::kHead ? headers() : trailers();
  if (!in_line_) {
    if (list.size() >= options_.max_header_lines) return fail(ParseError::kTooManyLines), -1;
    list.begin_line();
    in_line_ = true;
  }
  if (list.bytes() > 2 * options_.max_head_bytes) return fail(ParseError::kHeadTooLarge), -1;
  list.more_name(piece);
  return 0;
}

int MessageParser::on_value(std::string_view piece) {
  HeaderList& list = stage_ == Stage::kHead ? headers() : trailers();
  if (list.bytes() > 2 * options_.max_head_bytes) return fail(ParseError::kHeadTooLarge), -1;
  list.more_value(piece);
  return 0;
}

// llhttp refuses a second Content-Length even if it says the same; RFC 9112 section 6.3
// allows to take equal ones as one. So each is taken out of llhttp and kept here.
int MessageParser::on_value_complete() {
  HeaderList& list = stage_ == Stage::kHead ? headers() : trailers();
  in_line_ = false;
  list.end_line();
  if (stage_ != Stage::kHead || (parser_.flags & F_CONTENT_LENGTH) == 0) return 0;
  if (has_length_ && length_ != parser_.content_length) return fail(ParseError::kFraming), -1;
  has_length_ = true;
  length_ = parser_.content_length;
  parser_.content_length = 0;
  parser_.flags = static_cast<std::uint16_t>(parser_.flags & ~F_CONTENT_LENGTH);
  return 0;
}

void MessageParser::begin_body() {
  const Version version{parser_.http_major, parser_.http_minor};
  (is_request() ? request_.version : response_.version) = version;
  if (version.major != 1) {
    return fail(is_request() && request_.method == "PRI" ? ParseError::kHttp2
                                                         : ParseError::kSyntax);
  }
  const bool close = (parser_.flags & F_CONNECTION_CLOSE) != 0;
  const bool keep = (parser_.flags & F_CONNECTION_KEEP_ALIVE) != 0;
  keep_alive_ = version.minor > 0 ? !close : keep && !close;
  offers_upgrade_ = (parser_.flags & F_UPGRADE) != 0 && (parser_.flags & F_CONNECTION_UPGRADE) != 0;
  parser_.upgrade = 0;
  if (options_.hash_bodies) hasher_.emplace();
  is_request() ? frame_request() : frame_response();
}

// Some servers take a folded line for a header of its own, others drop it.
bool MessageParser::fold_may_frame() const {
  if (!lines_.folded()) return false;
  return has_length_ || (parser_.flags & F_TRANSFER_ENCODING) != 0 || mentions_framing(request_.headers);
}

// By our own list: llhttp takes `chunked\t` for no chunked (RFC 9112 sections 6.1 and 6.3).
void MessageParser::frame_request() {
  if (fold_may_frame()) return fail(ParseError::kFraming);
  request_.chunked = has_transfer_coding(request_.headers);
  if (request_.chunked) {
    if (has_length_ || !clearly_chunked(request_)) return fail(ParseError::kFraming);
    stage_ = Stage::kChunked;
    return;
  }
  count_down(length_);
}

void MessageParser::frame_response() {
  response_.status = parser_.status_code;
  if (response_.status == 0) return fail(ParseError::kSyntax);
  const int status = response_.status;
  const bool bodiless = answer_to_ == AnswerTo::kHead || status / 100 == 1 || status == 204 ||
                        status == 304 || tunnel();
  if (bodiless) return complete();
  response_.chunked = ends_in_chunked(response_.headers);
  if (response_.chunked) {
    stage_ = Stage::kChunked;
    return;
  }
  if (has_length_ && !has_transfer_coding(response_.headers)) return count_down(length_);
  response_.close_delimited = true;
  keep_alive_ = false;
  stage_ = Stage::kUntilClose;
}

void MessageParser::count_down(std::uint64_t length) {
  remaining_ = length;
  stage_ = Stage::kCounted;
  if (length == 0) return complete();
  body().bytes.reserve(std::min<std::uint64_t>({length, options_.max_body_bytes, kFirstBodyReserve}));
}

std::size_t MessageParser::read_chunked(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && stage_ == Stage::kChunked && state_ == State::kNeedsMore) {
    if (!chunks_.in_data()) {
      const ChunkReader::Read read = chunks_.byte(bytes[used++]);
      if (read == ChunkReader::Read::kError) fail(ParseError::kChunk);
      if (read == ChunkReader::Read::kLast) begin_trailers();
      continue;
    }
    const auto taken =
        static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size() - used, chunks_.left()));
    take_body(bytes.substr(used, taken));
    chunks_.take(taken);
    used += taken;
  }
  return used;
}

// They look like the headers of a message of their own.
void MessageParser::begin_trailers() {
  head_bytes_ = 0;
  llhttp_init(&parser_, HTTP_REQUEST, &ParserCallbacks::settings());
  parser_.data = this;
  static constexpr std::string_view kStandIn = "GET / HTTP/1.1\r\n";
  llhttp_execute(&parser_, kStandIn.data(), kStandIn.size());
  stage_ = Stage::kTrailers;
}

std::size_t MessageParser::read_counted(std::string_view bytes) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), remaining_));
  take_body(bytes.substr(0, taken));
  remaining_ -= taken;
  if (remaining_ == 0) complete();
  return taken;
}

void MessageParser::take_body(std::string_view bytes) {
  Body& into = body();
  const bool cut = into.bytes.size() < into.size;
  into.size += bytes.size();
  const std::size_t room = cut ? 0 : options_.max_body_bytes - into.bytes.size();
  if (bytes.size() > room && !hasher_ && !damaged_ && !forgone_) hash_from_here();
  const std::string_view kept = bytes.substr(0, room);
  // Past the first reserve the announced length is believed: one copy instead of five.
  if (has_length_ && into.bytes.size() + kept.size() > into.bytes.capacity()) {
    into.bytes.reserve(std::min<std::uint64_t>(length_, options_.max_body_bytes));
  }
  into.bytes.append(kept);
  if (hasher_) hasher_->add(bytes);
}

// What was kept so far is all there was until now.
void MessageParser::hash_from_here() {
  hasher_.emplace();
  hasher_->add(body().bytes);
}

std::uint64_t MessageParser::can_skip() const {
  if (state_ != State::kNeedsMore) return 0;
  if (stage_ == Stage::kUntilClose) return UINT64_MAX;
  if (stage_ == Stage::kChunked) return chunks_.left();
  return stage_ == Stage::kCounted ? remaining_ : 0;
}

MessageParser::State MessageParser::skip(std::uint64_t n) {
  damaged_ = true;
  hasher_.reset();
  return pass(n);
}

// A damaged body is nobody's: its exchange is lost.
std::uint64_t MessageParser::unneeded() const {
  if (state_ != State::kNeedsMore || stage_ != Stage::kCounted || hasher_) return 0;
  const bool full = body().bytes.size() >= options_.max_body_bytes;
  return damaged_ || (forgone_ && full) ? remaining_ : 0;
}

MessageParser::State MessageParser::pass(std::uint64_t n) {
  body().size += n;
  if (stage_ == Stage::kChunked) chunks_.take(n);
  if (stage_ != Stage::kCounted) return state_;
  remaining_ -= n;
  if (remaining_ == 0) complete();
  return state_;
}

MessageParser::State MessageParser::finish() {
  if (state_ != State::kNeedsMore) return state_;
  stage_ == Stage::kUntilClose ? complete() : fail(ParseError::kEarlyEnd);
  return state_;
}

void MessageParser::complete() {
  if (hasher_) body().sha256 = hasher_->finish();
  stage_ = Stage::kDone;
  state_ = State::kComplete;
}

void MessageParser::fail(ParseError error) {
  if (state_ == State::kError) return;
  error_ = error;
  state_ = State::kError;
}

bool MessageParser::interim() const {
  return response_.status / 100 == 1 && response_.status != 101;
}

bool MessageParser::tunnel() const {
  return response_.status == 101 ||
         (answer_to_ == AnswerTo::kConnect && response_.status / 100 == 2);
}

bool MessageParser::expects_continue() const {
  return request_.headers.has_token("expect", "100-continue");
}

std::size_t MessageParser::held_bytes() const {
  const std::size_t head = is_request() ? request_.held_bytes() : response_.held_bytes();
  return head;
}

}  // namespace shadowtap::http
