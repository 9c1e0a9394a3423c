// Writes exchanges to .gor files that GoReplay reads: a record of type 1 for the request
// and, where the original answered, one of type 2.
//
//   x.gor, x.gor.gz   one file, compressed by its suffix
//   with a limit      x_0.gor, x_1.gor, …: the next begins when one has reached it
//
// Exchanges that cannot be written whole are counted and left out: where a body was cut, or
// a message contains the separator, with which a client could put in records of its own.
// Not thread-safe; the caller redacts.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/http/exchange.h"

struct gzFile_s;

namespace shadowtap::files {

struct GorWriterOptions {
  std::string path;
  std::uint64_t max_file_bytes = 0;  // before compression; 0: no rotation
  bool secret = false;               // file mode 0600
  Duration to_wall{};                // added to an exchange's Time gives wall time
};

class GorWriter {
 public:
  static Result<std::unique_ptr<GorWriter>> create(const GorWriterOptions& options);
  ~GorWriter();
  GorWriter(const GorWriter&) = delete;
  GorWriter& operator=(const GorWriter&) = delete;

  Result<> write(const http::Exchange& exchange);
  // Flushes and closes; the destructor does so too, unheard.
  Result<> close();

  std::uint64_t exchanges() const { return exchanges_; }
  std::uint64_t left_out() const { return left_out_; }
  std::uint64_t bytes() const { return bytes_; }
  const std::string& current_path() const { return current_path_; }

 private:
  explicit GorWriter(const GorWriterOptions& options) : options_(options) {}
  Result<> open_next();
  Result<> leave_out();
  Result<> put(const std::string& bytes);
  std::int64_t wall(Time time) const;

  GorWriterOptions options_;
  gzFile_s* file_ = nullptr;
  std::string current_path_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t exchanges_ = 0;
  std::uint64_t left_out_ = 0;
  std::uint32_t next_index_ = 0;
};

}  // namespace shadowtap::files
