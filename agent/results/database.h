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
  // All of it or nothing.
  Result<> write(const StoreRows& rows);
  Result<> drop_buckets_before(std::int64_t minute);

  // For the test of migration: the statements that made schema version `version`.
  static const char* schema_step(int version);

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  explicit Database(std::unique_ptr<sqlite3, Close> db, std::string path);
  Result<> execute(const char* sql);
  Result<> migrate();
  Result<> write_rows(const StoreRows& rows);
  Error error(const char* doing) const;

  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

}  // namespace shadowtap::results
