// A prepared SQLite statement: bind, step, read columns. Thin; internal to results.
#pragma once

#include <sqlite3.h>

#include <string>
#include <string_view>

namespace shadowtap::results {

class Statement {
 public:
  Statement(sqlite3* db, const char* sql) { sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  bool ok() const { return statement_ != nullptr; }

  Statement& bind(std::int64_t value) {
    sqlite3_bind_int64(statement_, ++bound_, value);
    return *this;
  }
  Statement& bind(std::uint64_t value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  // `value` must live until the statement ran.
  Statement& bind(std::string_view value) {
    sqlite3_bind_text64(statement_, ++bound_, value.data() == nullptr ? "" : value.data(),
                        value.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }

  // Runs a statement without rows and makes it ready for the next values.
  bool run() {
    const int code = sqlite3_step(statement_);
    sqlite3_reset(statement_);
    bound_ = 0;
    return code == SQLITE_DONE;
  }

  // False at the end, and on an error: ask failed().
  bool next() {
    code_ = sqlite3_step(statement_);
    return code_ == SQLITE_ROW;
  }
  bool failed() const { return code_ != SQLITE_ROW && code_ != SQLITE_DONE; }
  std::int64_t number(int column) const { return sqlite3_column_int64(statement_, column); }
  std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? std::string() : std::string(bytes, static_cast<std::size_t>(size));
  }

 private:
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int code_ = SQLITE_DONE;
};

}  // namespace shadowtap::results
