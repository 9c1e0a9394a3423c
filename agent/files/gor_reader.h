// Reads .gor files, GoReplay's or ours, compressed or not, as exchanges told to a sink.
//
// A request is told when its record is read, its answer when the record of type 2 with the
// same id is; replayed responses (type 3) are passed over. Records are framed by their
// separator; one that is not followed by a record or the end is part of a body.
// Times are the recorded ones: Time's count is nanoseconds since 1970.
//
// Bounded over hostile files: record size, open exchanges, everything http bounds.
// Not thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "agent/base/counter.h"
#include "agent/base/result.h"
#include "agent/files/gor_format.h"
#include "agent/http/message_parser.h"
#include "agent/http/sink.h"

struct gzFile_s;

namespace shadowtap::files {

struct GorReaderOptions {
  http::ParserOptions parser;
  std::size_t max_record_bytes = 64 << 20;
  std::size_t max_open = 65536;       // requests waiting for their answer's record
  std::uint64_t first_exchange = 1;   // ids count from here
  // May be empty. A record that gave nothing, by its place in the file, from 1.
  std::function<void(std::uint64_t record, const char* reason)> passed_over;
};

enum class GorRecord : std::uint8_t {
  kRequest,
  kResponse,
  kReplayed,      // type 3
  kUnparsable,    // no meta line, or no HTTP message
  kNoRequest,     // a response whose request is not there
  kTooLarge,
  kCount_,
};
const char* to_string(GorRecord record);

class GorReader {
 public:
  static Result<std::unique_ptr<GorReader>> open(const std::string& path,
                                                 const GorReaderOptions& options);
  ~GorReader();
  GorReader(const GorReader&) = delete;
  GorReader& operator=(const GorReader&) = delete;

  // Reads one record and tells the sink. False at the end: what had no answer is lost.
  bool step(http::ExchangeSink& sink);
  // The recorded time of the last record.
  Time time() const { return time_; }

  const CounterSet<GorRecord>& records() const { return records_; }
  // "" unless the file ended early.
  const std::string& damage() const { return damage_; }
  // Of the file, for progress. Any thread.
  std::uint64_t bytes_read() const { return used_.load(std::memory_order_relaxed); }
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  GorReader(gzFile_s* file, const GorReaderOptions& options, std::uint64_t file_bytes);
  bool fill();
  bool next_line(std::string& line);
  void drop_front(std::size_t n);
  void read_request(const GorMeta& meta, http::ExchangeSink& sink);
  void read_response(const GorMeta& meta, http::ExchangeSink& sink);
  bool parse_message();
  void note_progress();
  void pass_over(GorRecord why);
  bool record_ends();
  void skip_record();
  void lose_oldest(http::ExchangeSink& sink);

  struct Open {
    http::ExchangeId id;
    http::AnswerTo answer_to;
  };

  GorReaderOptions options_;
  gzFile_s* file_;
  std::uint64_t file_bytes_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::size_t record_bytes_ = 0;
  std::uint64_t read_ = 0;  // records
  std::atomic<std::uint64_t> used_{0};
  GorRecord failure_ = GorRecord::kUnparsable;  // why the last message could not be read
  bool at_end_ = false;
  http::MessageParser parser_;
  std::unordered_map<std::string, Open> open_;
  std::deque<std::string> order_;  // of open_, oldest first
  http::ExchangeId next_id_;
  CounterSet<GorRecord> records_;
  std::string damage_;
  Time time_;
};

}  // namespace shadowtap::files
