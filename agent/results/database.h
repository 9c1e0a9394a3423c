// One SQLite file with our schema: opened, brought up to date, read once, written in
// batches. Knows rows, not what they mean. Every failure is a Result; a file that is
// damaged or newer than we are is left as it is.
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "agent/base/result.h"
#include "agent/base/time.h"
#include "agent/results/store_rows.h"

struct sqlite3;

namespace shadowtap::results {

inline constexpr int kSchemaVersion = 4;

class Database {
 public:
  // Creates `path` (mode 0600) where it is missing. `max_bytes`: the file grows no further.
  static Result<Database> open(const std::string& path, std::size_t max_bytes);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  Result<StoreRows> load();
  // All of it or nothing, but that the oldest samples make room where the file has grown to
  // its bound: kept ones as well as those of `rows`. A disk without room is a failure, since
  // what is kept now would be gone when it has some again.
  Result<> write(const StoreRows& rows);
  // Of the outcomes by minute: what is older, and beyond the newest `most` rows the oldest.
  Result<> bound_buckets(std::int64_t oldest_minute, std::uint64_t most);

  // For the test of migration: the statements that made schema version `version`.
  static const char* schema_step(int version);

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(std::unique_ptr<sqlite3, Close> db, std::string path);
  Result<> execute(const char* sql);
  Result<> migrate();
  // Of the samples only those from `first_sample` on.
  Result<> write_once(const StoreRows& rows, std::uint64_t first_sample);
  Result<> write_rows(const StoreRows& rows, std::uint64_t first_sample);
  Result<> tidy(const StoreRows& written);
  bool disk_has_room_for(const StoreRows& rows) const;
  Error error(const char* doing) const;

  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
  bool full_ = false;  // why the last write failed
};

}  // namespace shadowtap::results
