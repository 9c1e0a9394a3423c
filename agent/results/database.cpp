#include "agent/results/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <span>

#include "agent/base/log.h"
#include "agent/base/unique_fd.h"
#include "agent/results/statement.h"

namespace shadowtap::results {
namespace {

constexpr int kPageBytes = 4096;
constexpr std::uint64_t kNoSample = INT64_MAX;
// Of the samples, newest first, what may stay when there is no room: a half, … none.
constexpr std::size_t kKeptShares[] = {2, 4, 8, SIZE_MAX};

// One entry a schema version; a file of version n still needs those after the n-th.
constexpr const char* kSteps[kSchemaVersion] = {
    "CREATE TABLE services(name TEXT PRIMARY KEY, epoch TEXT, since INTEGER, next_index INTEGER,"
    " net TEXT, pace TEXT) WITHOUT ROWID;"
    "CREATE TABLE routes(service TEXT, method TEXT, route TEXT, exchanges INTEGER, compared INTEGER,"
    " errors INTEGER, refused INTEGER, not_comparable INTEGER, skipped INTEGER, pairs TEXT, pace TEXT,"
    " original TEXT, candidate TEXT, secondary TEXT, signatures TEXT, maps TEXT,"
    " PRIMARY KEY(service, method, route)) WITHOUT ROWID;"
    "CREATE TABLE paths(service TEXT, method TEXT, route TEXT, number INTEGER, path TEXT, kind INTEGER,"
    " shape INTEGER, counts TEXT, latch TEXT, keys TEXT, seen TEXT,"
    " PRIMARY KEY(service, method, route, number)) WITHOUT ROWID;"
    "CREATE TABLE samples(id INTEGER PRIMARY KEY, service TEXT, method TEXT, route TEXT, time INTEGER,"
    " parts TEXT, document TEXT);",

    "CREATE TABLE buckets(service TEXT, method TEXT, route TEXT, minute INTEGER, outcome TEXT, n INTEGER,"
    " PRIMARY KEY(service, method, route, minute, outcome)) WITHOUT ROWID;"
    "CREATE INDEX buckets_by_minute ON buckets(minute);",

    "ALTER TABLE services ADD COLUMN given_up TEXT;",

    // Errors, slower and tail vote by other rules now: their evidence starts anew. `seen` and
    // `keys` held hashes of values and requests; only how many keys there were is kept.
    "ALTER TABLE services ADD COLUMN next_pace INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE routes ADD COLUMN pace_index INTEGER NOT NULL DEFAULT 0;"
    "UPDATE services SET pace = '', net = '';"
    "UPDATE routes SET pace = '';"
    "UPDATE paths SET keys = CASE WHEN trim(keys) = '' THEN '0' ELSE"
    " length(trim(keys)) - length(replace(trim(keys), ' ', '')) + 1 END;"
    "ALTER TABLE paths DROP COLUMN seen;",
};

Statement& bind(Statement& statement, const RouteKey& key) {
  return statement.bind(key.service).bind(key.method).bind(key.route);
}

RouteKey key_of(const Statement& row, int column) {
  return {row.text(column), row.text(column + 1), row.text(column + 2)};
}

std::uint64_t count(const Statement& row, int column) {
  return static_cast<std::uint64_t>(row.number(column));
}

bool read_services(sqlite3* db, StoreRows& rows) {
  Statement row(db, "SELECT name, epoch, since, next_index, net, pace, given_up, next_pace FROM services");
  while (row.ok() && row.next()) {
    rows.services.push_back({row.text(0), row.text(1), row.number(2),
                             static_cast<std::uint32_t>(row.number(3)), row.text(4), row.text(5), row.text(6),
                             static_cast<std::uint32_t>(row.number(7))});
  }
  return row.ok() && !row.failed();
}

bool read_routes(sqlite3* db, StoreRows& rows) {
  Statement row(db, "SELECT service, method, route, exchanges, compared, errors, refused, not_comparable,"
                    " skipped, pairs, pace, original, candidate, secondary, signatures, maps, pace_index FROM routes");
  while (row.ok() && row.next()) {
    rows.routes.push_back({key_of(row, 0), count(row, 3), count(row, 4), count(row, 5), count(row, 6),
                           count(row, 7), count(row, 8), row.text(9), row.text(10), row.text(11),
                           row.text(12), row.text(13), row.text(14), row.text(15),
                           static_cast<std::uint32_t>(row.number(16))});
  }
  return row.ok() && !row.failed();
}

bool read_paths(sqlite3* db, StoreRows& rows) {
  Statement row(db, "SELECT service, method, route, number, path, kind, shape, counts, latch, keys"
                    " FROM paths ORDER BY service, method, route, number");
  while (row.ok() && row.next()) {
    rows.paths.push_back({key_of(row, 0), static_cast<std::uint32_t>(row.number(3)), row.text(4),
                          static_cast<std::uint8_t>(row.number(5)), static_cast<std::uint8_t>(row.number(6)),
                          row.text(7), row.text(8), static_cast<std::uint32_t>(row.number(9))});
  }
  return row.ok() && !row.failed();
}

bool read_samples(sqlite3* db, StoreRows& rows) {
  Statement row(db, "SELECT id, service, method, route, time, parts, document FROM samples ORDER BY id");
  while (row.ok() && row.next()) {
    rows.samples.push_back({count(row, 0), key_of(row, 1), row.number(4), row.text(5), row.text(6)});
  }
  return row.ok() && !row.failed();
}

bool clear_services(sqlite3* db, const std::vector<std::string>& names) {
  for (const char* sql : {"DELETE FROM services WHERE name = ?", "DELETE FROM routes WHERE service = ?",
                          "DELETE FROM paths WHERE service = ?", "DELETE FROM samples WHERE service = ?"}) {
    Statement statement(db, sql);
    for (const std::string& name : names) {
      if (!statement.ok() || !statement.bind(name).run()) return false;
    }
  }
  return true;
}

bool forget_buckets(sqlite3* db, const std::vector<std::string>& services) {
  Statement statement(db, "DELETE FROM buckets WHERE service = ?");
  for (const std::string& name : services) {
    if (!statement.ok() || !statement.bind(name).run()) return false;
  }
  return true;
}

bool drop_routes(sqlite3* db, const std::vector<GoneRoute>& routes) {
  Statement refile(db, "INSERT INTO buckets SELECT ?, ?, ?, minute, outcome, n FROM buckets"
                       " WHERE service = ? AND method = ? AND route = ?"
                       " ON CONFLICT DO UPDATE SET n = n + excluded.n");
  for (const GoneRoute& gone : routes) {
    if (!refile.ok() || !bind(bind(refile, gone.into), gone.from).run()) return false;
  }
  for (const char* sql : {"DELETE FROM routes WHERE service = ? AND method = ? AND route = ?",
                          "DELETE FROM paths WHERE service = ? AND method = ? AND route = ?",
                          "DELETE FROM buckets WHERE service = ? AND method = ? AND route = ?"}) {
    Statement statement(db, sql);
    for (const GoneRoute& gone : routes) {
      if (!statement.ok() || !bind(statement, gone.from).run()) return false;
    }
  }
  return true;
}

bool write_services(sqlite3* db, const std::vector<ServiceRow>& rows) {
  Statement statement(db, "INSERT OR REPLACE INTO services VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  for (const ServiceRow& row : rows) {
    statement.bind(row.name).bind(row.epoch).bind(row.since_ns).bind(std::uint64_t{row.next_index});
    statement.bind(row.net).bind(row.pace).bind(row.given_up).bind(std::uint64_t{row.next_pace});
    if (!statement.ok() || !statement.run()) return false;
  }
  return true;
}

bool write_routes(sqlite3* db, const std::vector<RouteRow>& rows) {
  Statement statement(db, "INSERT OR REPLACE INTO routes VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const RouteRow& row : rows) {
    bind(statement, row.key).bind(row.exchanges).bind(row.compared).bind(row.errors).bind(row.refused);
    statement.bind(row.not_comparable).bind(row.skipped).bind(row.pairs).bind(row.pace);
    statement.bind(row.original).bind(row.candidate).bind(row.secondary);
    statement.bind(row.signatures).bind(row.maps).bind(std::uint64_t{row.pace_index});
    if (!statement.ok() || !statement.run()) return false;
  }
  return true;
}

bool write_paths(sqlite3* db, const std::vector<PathRow>& rows) {
  Statement statement(db, "INSERT OR REPLACE INTO paths VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (const PathRow& row : rows) {
    bind(statement, row.key).bind(std::uint64_t{row.number}).bind(row.path).bind(int{row.kind});
    statement.bind(int{row.shape}).bind(row.counts).bind(row.latch).bind(std::uint64_t{row.keys});
    if (!statement.ok() || !statement.run()) return false;
  }
  return true;
}

// Frees their pages before anything needs some.
bool drop_samples(sqlite3* db, const std::vector<std::uint64_t>& removed, std::uint64_t first_kept) {
  Statement remove(db, "DELETE FROM samples WHERE id = ?");
  for (const std::uint64_t id : removed) {
    if (!remove.ok() || !remove.bind(id).run()) return false;
  }
  Statement prune(db, "DELETE FROM samples WHERE id < ?");
  return first_kept == 0 || (prune.ok() && prune.bind(first_kept).run());
}

bool write_samples(sqlite3* db, std::span<const SampleRow> rows, std::uint64_t first_kept) {
  Statement statement(db, "INSERT OR REPLACE INTO samples VALUES(?, ?, ?, ?, ?, ?, ?)");
  for (const SampleRow& row : rows) {
    if (row.id < first_kept) continue;
    bind(statement.bind(row.id), row.key).bind(row.time_ns).bind(row.parts).bind(row.document);
    if (!statement.ok() || !statement.run()) return false;
  }
  return true;
}

bool write_buckets(sqlite3* db, const std::vector<BucketRow>& rows) {
  Statement statement(db, "INSERT INTO buckets VALUES(?, ?, ?, ?, ?, ?)"
                          " ON CONFLICT DO UPDATE SET n = n + excluded.n");
  for (const BucketRow& row : rows) {
    bind(statement, row.key).bind(row.minute).bind(row.outcome).bind(row.n);
    if (!statement.ok() || !statement.run()) return false;
  }
  return true;
}

// Those that are kept and those to come, oldest first.
std::vector<std::uint64_t> sample_ids(sqlite3* db, const StoreRows& rows) {
  std::vector<std::uint64_t> ids;
  for (const SampleRow& row : rows.samples) ids.push_back(row.id);
  Statement kept(db, "SELECT id FROM samples");
  while (kept.ok() && kept.next()) ids.push_back(count(kept, 0));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
Database::Database(std::unique_ptr<sqlite3, Close> db, std::string path)
    : db_(std::move(db)), path_(std::move(path)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

const char* Database::schema_step(int version) { return kSteps[version - 1]; }

Error Database::error(const char* doing) const {
  return plain_error(fmt::format("{} {}: {}", doing, path_, sqlite3_errmsg(db_.get())));
}

Result<> Database::execute(const char* sql) {
  if (sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error("write");
  return {};
}

Result<Database> Database::open(const std::string& path, std::size_t max_bytes) {
  // SQLite would make the file with the umask's mode; what we keep is nobody else's.
  const UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (made.get() < 0) return errno_error("open " + path);
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database db(std::unique_ptr<sqlite3, Close>(raw), path);
  if (code != SQLITE_OK) return db.error("open");
  sqlite3_busy_timeout(raw, 2000);
  const std::string pragmas = fmt::format(
      "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
      "PRAGMA secure_delete = FAST; PRAGMA journal_size_limit = 8388608; PRAGMA temp_store = MEMORY; PRAGMA max_page_count = {};",
      std::max<std::size_t>(max_bytes / kPageBytes, 64));
  if (auto set = db.execute(pragmas.c_str()); !set) return set.error();
  if (auto migrated = db.migrate(); !migrated) return migrated.error();
  return db;
}

Result<> Database::migrate() {
  int version = 0;
  {
    Statement row(db_.get(), "PRAGMA user_version");
    if (!row.ok() || !row.next()) return error("read the schema version of");
    version = static_cast<int>(row.number(0));
  }
  if (version > kSchemaVersion) {
    return plain_error(fmt::format("{} has schema {}, written by a newer shadowtap; we know {}", path_,
                                   version, kSchemaVersion));
  }
  for (; version < kSchemaVersion; ++version) {
    const std::string step =
        fmt::format("BEGIN IMMEDIATE; {} PRAGMA user_version = {}; COMMIT;", kSteps[version], version + 1);
    if (auto done = execute(step.c_str()); !done) {
      sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
      return done.error();
    }
  }
  return {};
}

Result<StoreRows> Database::load() {
  StoreRows rows;
  sqlite3* db = db_.get();
  if (!read_services(db, rows) || !read_routes(db, rows) || !read_paths(db, rows) ||
      !read_samples(db, rows)) {
    return error("read");
  }
  return rows;
}

Result<> Database::write(const StoreRows& rows) {
  Result<> written = write_once(rows, 0);
  if (!written && full_ && disk_has_room_for(rows)) {
    const std::vector<std::uint64_t> ids = sample_ids(db_.get(), rows);
    for (const std::size_t share : kKeptShares) {
      if (written || !full_ || ids.empty()) break;
      const std::size_t kept = ids.size() / share;
      written = write_once(rows, kept == 0 ? kNoSample : ids[ids.size() - kept]);
      if (written) spdlog::debug("{} is full: {} of its samples went", path_, ids.size() - kept);
    }
  }
  return written ? tidy(rows) : written;
}

Result<> Database::write_once(const StoreRows& rows, std::uint64_t first_sample) {
  full_ = false;
  if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return begun;
  Result<> written = write_rows(rows, first_sample);
  if (written) written = execute("COMMIT");
  if (written) return written;
  full_ = (sqlite3_errcode(db_.get()) & 0xff) == SQLITE_FULL;
  // After SQLITE_FULL or SQLITE_IOERR it may have been rolled back already.
  sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return written;
}

Result<> Database::write_rows(const StoreRows& rows, std::uint64_t first_sample) {
  sqlite3* db = db_.get();
  if (!clear_services(db, rows.cleared) || !forget_buckets(db, rows.forgotten) || !drop_routes(db, rows.gone) ||
      !drop_samples(db, rows.removed_samples, first_sample) || !write_services(db, rows.services) ||
      !write_routes(db, rows.routes) || !write_paths(db, rows.paths) ||
      !write_samples(db, rows.samples, first_sample) || !write_buckets(db, rows.buckets)) {
    return error("write");
  }
  return {};
}

Result<> Database::bound_buckets(std::int64_t oldest_minute, std::uint64_t most) {
  Statement beyond(db_.get(), "SELECT minute FROM buckets ORDER BY minute DESC LIMIT 1 OFFSET ?");
  if (beyond.ok() && beyond.bind(most).next()) {
    oldest_minute = std::max(oldest_minute, static_cast<std::int64_t>(count(beyond, 0)) + 1);
  }
  Statement statement(db_.get(), "DELETE FROM buckets WHERE minute < ?");
  if (!statement.ok() || !statement.bind(oldest_minute).run()) return error("write");
  return {};
}

// What was cleared is to be gone from the files too: with the free pages and the log.
Result<> Database::tidy(const StoreRows& written) {
  if (!written.cleared.empty()) return execute("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)");
  if (!written.removed_samples.empty()) return execute("PRAGMA incremental_vacuum(64)");
  return {};
}

// The log takes a batch once more, and counters a little.
bool Database::disk_has_room_for(const StoreRows& rows) const {
  std::uint64_t bytes = 4 << 20;
  for (const SampleRow& row : rows.samples) bytes += 2 * row.document.size();
  struct statvfs disk {};
  return statvfs(path_.c_str(), &disk) == 0 && std::uint64_t{disk.f_bavail} * disk.f_frsize > bytes;
}

}  // namespace shadowtap::results
