#include "agent/files/gor_reader.h"

#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <utility>

namespace shadowtap::files {
namespace {

constexpr std::size_t kBlock = 256 << 10;
constexpr std::size_t kMaxMetaLine = 256;

Time as_time(std::int64_t ns) { return Time(Duration(ns)); }

}  // namespace

const char* to_string(GorRecord record) {
  switch (record) {
    case GorRecord::kRequest: return "request";
    case GorRecord::kResponse: return "response";
    case GorRecord::kReplayed: return "replayed response";
    case GorRecord::kUnparsable: return "not readable";
    case GorRecord::kNoRequest: return "response without a request";
    case GorRecord::kTooLarge: return "too large";
    case GorRecord::kCount_: break;
  }
  return "?";
}

Result<std::unique_ptr<GorReader>> GorReader::open(const std::string& path,
                                                   const GorReaderOptions& options) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno_error("open " + path);
  gzFile_s* const file = gzopen(path.c_str(), "rb");  // reads plain files as they are
  if (file == nullptr) return errno_error("open " + path);
  return std::unique_ptr<GorReader>(
      new GorReader(file, options, static_cast<std::uint64_t>(status.st_size)));
}

GorReader::GorReader(gzFile_s* file, const GorReaderOptions& options, std::uint64_t file_bytes)
    : options_(options),
      file_(file),
      file_bytes_(file_bytes),
      parser_(options.parser),
      next_id_(options.first_exchange) {}

GorReader::~GorReader() { gzclose(file_); }

// More bytes behind buffer_; false at the end of the file.
bool GorReader::fill() {
  if (at_end_) return false;
  buffer_.erase(0, std::exchange(begin_, 0));
  const std::size_t before = buffer_.size();
  buffer_.resize(before + kBlock);
  const int got = gzread(file_, buffer_.data() + before, static_cast<unsigned>(kBlock));
  buffer_.resize(before + static_cast<std::size_t>(std::max(got, 0)));
  int code = Z_OK;
  const char* const reason = gzerror(file_, &code);
  if (code != Z_OK && code != Z_STREAM_END) damage_ = reason;
  at_end_ = got <= 0;
  return !at_end_;
}

void GorReader::drop_front(std::size_t n) {
  begin_ += n;
  record_bytes_ += n;
}

bool GorReader::next_line(std::string& line) {
  while (true) {
    const std::size_t end = buffer_.find('\n', begin_);
    if (end != std::string::npos) {
      line.assign(buffer_, begin_, end - begin_);
      drop_front(end + 1 - begin_);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return true;
    }
    if (buffer_.size() - begin_ > kMaxMetaLine || !fill()) return false;
  }
}

bool GorReader::step(http::ExchangeSink& sink) {
  note_progress();
  if (begin_ == buffer_.size() && !fill()) {
    while (!order_.empty()) lose_oldest(sink);
    return false;
  }
  record_bytes_ = 0;
  ++read_;
  failure_ = GorRecord::kUnparsable;
  std::string line;
  const bool has_line = next_line(line);
  const auto meta = has_line ? parse_gor_meta(line) : std::nullopt;
  if (!meta) {
    pass_over(GorRecord::kUnparsable);
    skip_record();
    return true;
  }
  time_ = as_time(meta->time_ns);
  if (meta->type == '1') read_request(*meta, sink);
  if (meta->type == '2') read_response(*meta, sink);
  if (meta->type == '3') pass_over(GorRecord::kReplayed);
  skip_record();
  return true;
}

void GorReader::pass_over(GorRecord why) {
  records_.add(why);
  if (options_.passed_over) options_.passed_over(read_, to_string(why));
}

// Reads the message whose parser was started. What follows it up to the separator is left.
bool GorReader::parse_message() {
  using State = http::MessageParser::State;
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(begin_);
    const std::size_t separator = rest.find(kGorSeparator);
    const bool whole = separator != std::string_view::npos;
    // Without a separator its beginning may stand at the end of what was read.
    const std::size_t sure =
        whole ? separator : rest.size() - std::min(rest.size(), kGorSeparator.size());
    const auto progress = parser_.feed(rest.substr(0, sure));
    drop_front(progress.consumed);
    if (progress.state != State::kNeedsMore) return progress.state == State::kComplete;
    if (record_bytes_ > options_.max_record_bytes) {
      failure_ = GorRecord::kTooLarge;
      return false;
    }
    if (whole && !record_ends()) {
      const std::string_view monkeys = std::string_view(buffer_).substr(begin_);
      const auto through = parser_.feed(monkeys.substr(0, kGorSeparator.size()));
      drop_front(through.consumed);
      if (through.state != State::kNeedsMore) return through.state == State::kComplete;
      continue;
    }
    if (whole || !fill()) {
      const std::string_view last = std::string_view(buffer_).substr(begin_);
      const std::size_t tail = whole ? 0 : last.size();
      const auto end = parser_.feed(last.substr(0, tail));
      drop_front(end.consumed);
      return parser_.finish() == State::kComplete;
    }
  }
}

// Whether behind the separator that stands at begin_ another record begins, or nothing.
bool GorReader::record_ends() {
  std::size_t after = begin_ + kGorSeparator.size();
  while (buffer_.find('\n', after) == std::string::npos && buffer_.size() - after < kMaxMetaLine) {
    const bool more = fill();
    after = begin_ + kGorSeparator.size();  // fill() moves the buffer, at the end as well
    if (!more) break;
  }
  if (after == buffer_.size()) return true;
  const std::size_t end = buffer_.find('\n', after);
  return end != std::string::npos &&
         parse_gor_meta(std::string_view(buffer_).substr(after, end - after)).has_value();
}

// To behind the next separator.
void GorReader::skip_record() {
  while (true) {
    const std::size_t at = buffer_.find(kGorSeparator, begin_);
    if (at != std::string::npos) return drop_front(at + kGorSeparator.size() - begin_);
    const std::size_t left = buffer_.size() - begin_;
    drop_front(left - std::min(left, kGorSeparator.size()));
    if (!fill()) return drop_front(buffer_.size() - begin_);
  }
}

void GorReader::read_request(const GorMeta& meta, http::ExchangeSink& sink) {
  parser_.start_request();
  if (!parse_message() || open_.contains(meta.id)) return pass_over(failure_);
  records_.add(GorRecord::kRequest);
  http::Exchange exchange;
  exchange.id = next_id_++;
  exchange.connection = exchange.id;
  exchange.request = std::move(parser_.request());
  exchange.request_first = as_time(meta.time_ns);
  exchange.request_last = exchange.request_first;
  open_.emplace(meta.id, Open{exchange.id, http::answer_to(exchange.request.method)});
  order_.push_back(meta.id);
  sink.opened(std::move(exchange));
  while (open_.size() > options_.max_open || order_.size() > 2 * options_.max_open) {
    lose_oldest(sink);
  }
}

void GorReader::read_response(const GorMeta& meta, http::ExchangeSink& sink) {
  const auto found = open_.find(meta.id);
  if (found == open_.end()) return pass_over(GorRecord::kNoRequest);
  const Open open = found->second;
  parser_.start_response(open.answer_to);
  bool whole = parse_message();
  while (whole && parser_.interim()) {
    parser_.start_response(open.answer_to);
    whole = parse_message();
  }
  if (!whole) return pass_over(failure_);
  records_.add(GorRecord::kResponse);
  open_.erase(found);
  const Time first = as_time(meta.time_ns);
  sink.completed(open.id, std::move(parser_.response()), first,
                 first + Duration(std::max<std::int64_t>(meta.latency_ns, 0)));
}

void GorReader::lose_oldest(http::ExchangeSink& sink) {
  const std::string id = std::move(order_.front());
  order_.pop_front();
  const auto found = open_.find(id);
  if (found == open_.end()) return;  // answered
  sink.lost(found->second.id, http::OriginalLoss::kLost, "no response recorded");
  open_.erase(found);
}

// What waits in the buffer is not used yet. A compressed file's share is that of its content.
void GorReader::note_progress() {
  const auto at = static_cast<double>(gzoffset(file_));
  const auto unpacked = static_cast<double>(gztell(file_));
  if (at <= 0 || unpacked <= 0) return;
  const double used = unpacked - static_cast<double>(buffer_.size() - begin_);
  used_.store(static_cast<std::uint64_t>(at * used / unpacked), std::memory_order_relaxed);
}

}  // namespace shadowtap::files
