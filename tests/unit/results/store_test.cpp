// The store on real files: restarts, migrations, and disks and files of no use. Needs root
// for its own small file systems; without it those cases are skipped aloud.
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/results/database.h"
#include "agent/results/store.h"
#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using diff::Kind;
using testing::HasSubstr;
namespace fs = std::filesystem;

class TemporaryDir {
 public:
  TemporaryDir() {
    std::string name = (fs::temp_directory_path() / "shadowtap-store-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryDir() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  bool mount(const std::string& options, unsigned long flags = 0) {
    const bool done = ::mount("tmpfs", path_.c_str(), "tmpfs", flags, options.c_str()) == 0;
    mounted_ = mounted_ || done;
    return done;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

#define SKIP_OR_FAIL(why)                                     \
  do {                                                        \
    const char* ci = std::getenv("CI");                       \
    if (ci != nullptr && std::string_view(ci) == "true") {    \
      FAIL() << why;                                          \
    }                                                         \
    GTEST_SKIP() << why;                                      \
  } while (false)

class StoreTest : public testing::Test {
 protected:
  std::unique_ptr<Results> open(const std::string& epoch = "", bool has_secondary = true) {
    ResultsOptions options = one_service();
    options.store.data_dir = dir_.path();
    options.store.max_age = std::chrono::hours(24 * 3650);  // our times are of no particular day
    options.services[0].epoch = epoch;
    options.services[0].noise.has_secondary = has_secondary;
    auto opened = Results::open(options);
    EXPECT_TRUE(opened);
    return std::move(*opened);
  }

  // `n` exchanges with a regression, noise, and a body of `bytes`; then a tick.
  static void visit(Results& results, int n, std::size_t bytes = 100, int from = 0) {
    for (int i = from; i < from + n; ++i) {
      const auto key = static_cast<std::uint64_t>(i + 1);
      const std::string id = std::to_string(i);
      Made made("GET", "/users/" + id, kStart + i * 300ms, key);
      made.candidate({differs("$.email", Kind::kMissing, "\"e" + id + "\"", ""),
                      differs("$.at", Kind::kValue, id, "-" + id)})
          .secondary({differs("$.at", Kind::kValue, id, "+" + id)});
      http::Body& body = made.comparison.candidate->response.body;
      body.bytes.assign(bytes, static_cast<char>('a' + i % 26));
      body.size = bytes;
      made.comparison.exchange.request.headers.append("Authorization", "Bearer hunter2");
      results.add(std::move(made.comparison));
    }
    results.tick(kStart + (from + n) * 300ms);
  }

  std::string database() const { return dir_.path() + "/results.db"; }

  TemporaryDir dir_;
};

std::uint64_t exchanges(const Results& results) {
  std::uint64_t sum = 0;
  for (const EndpointRow& row : results.endpoints("", "", 1000).rows) sum += row.exchanges;
  return sum;
}

TEST_F(StoreTest, ARestartGoesOnFromWhatWasKept) {
  std::vector<Finding> findings;
  std::vector<DiffRow> diffs;
  VerdictAnswer verdict;
  std::vector<EndpointRow> endpoints;
  {
    const auto results = open();
    visit(*results, 100);
    ASSERT_TRUE(results->flush());
    findings = results->findings("");
    diffs = results->diffs({}).rows;
    verdict = results->verdict("", {}, {});
    endpoints = results->endpoints("", "", 10).rows;
    ASSERT_EQ(findings.size(), 1U);
  }
  const auto again = open();
  EXPECT_TRUE(again->health().ok);
  const auto rows = again->endpoints("", "", 10).rows;
  ASSERT_EQ(rows.size(), endpoints.size());
  EXPECT_EQ(rows[0].id, endpoints[0].id);
  EXPECT_EQ(rows[0].outcomes, endpoints[0].outcomes);
  EXPECT_EQ(rows[0].original.p99, endpoints[0].original.p99);
  ASSERT_EQ(again->findings("").size(), 1U);
  EXPECT_EQ(again->findings("")[0].explain, findings[0].explain);
  EXPECT_EQ(again->findings("")[0].example_original, findings[0].example_original);
  EXPECT_EQ(again->verdict("", {}, {}).reasons, verdict.reasons);
  EXPECT_EQ(again->verdict("", {}, {}).since, verdict.since);
  const auto kept = again->diffs({}).rows;
  ASSERT_EQ(kept.size(), diffs.size());
  EXPECT_EQ(kept[0].id, diffs[0].id);
  EXPECT_EQ(kept[0].outcome, diffs[0].outcome);
  visit(*again, 10, 100, 200);
  EXPECT_EQ(exchanges(*again), 110U);
  EXPECT_GT(again->diffs({}).rows[0].id, diffs[0].id);
}

TEST_F(StoreTest, ARestartWithoutTheSecondaryLeavesItsPairsSilentAndKept) {
  {
    const auto results = open();
    for (std::uint64_t key = 1; key <= 600; ++key) {
      results->add(Made("GET", "/users/" + std::to_string(key), kStart + key * 100ms, key).secondary({}).comparison);
    }
    EXPECT_EQ(results->verdict("", {}, {}).verdict, "pass");
    ASSERT_TRUE(results->flush());
  }
  {
    const auto results = open("", false);
    EXPECT_EQ(exchanges(*results), 600U);
    EXPECT_EQ(results->verdict("", {}, {}).verdict, "inconclusive");
    ASSERT_TRUE(results->flush());
  }
  EXPECT_EQ(open()->verdict("", {}, {}).verdict, "pass");
}

TEST_F(StoreTest, NoSecretReachesTheDisk) {
  {
    const auto results = open();
    visit(*results, 50);
    ASSERT_TRUE(results->flush());
  }
  for (const auto& file : fs::directory_iterator(dir_.path())) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    EXPECT_EQ(bytes.find("hunter2"), std::string::npos) << file.path();
    struct stat facts {};
    ASSERT_EQ(stat(file.path().c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 077, 0U) << file.path();
  }
}

TEST_F(StoreTest, AfterARestartCredentialsAreGone) {
  std::string id;
  {
    const auto results = open();
    visit(*results, 20);
    id = results->diffs({}).rows[0].id;
    const auto request = results->resend_request(id);
    ASSERT_TRUE(request && *request);
    EXPECT_EQ((*request)->request.headers.find("authorization"), "Bearer hunter2");
    ASSERT_TRUE(results->flush());
  }
  const auto again = open();
  const auto request = again->resend_request(id);
  ASSERT_FALSE(request);
  EXPECT_EQ(request.error().context, "credentials_not_kept");
}

TEST_F(StoreTest, AnotherEpochStartsAnew) {
  {
    const auto results = open("v1");
    visit(*results, 100);
    ASSERT_TRUE(results->flush());
  }
  {
    const auto results = open("v2");
    EXPECT_EQ(exchanges(*results), 0U);
    EXPECT_TRUE(results->findings("").empty());
    visit(*results, 5);
    ASSERT_TRUE(results->flush());
  }
  EXPECT_EQ(exchanges(*open("v2")), 5U);
}

TEST_F(StoreTest, ForgettingIsKeptToo) {
  {
    const auto results = open();
    visit(*results, 100);
    ASSERT_TRUE(results->flush());
    results->forget("shop");
    ASSERT_TRUE(results->flush());
  }
  const auto again = open();
  EXPECT_EQ(exchanges(*again), 0U);
  EXPECT_TRUE(again->diffs({}).rows.empty());
}

// Also from the pages that became free and from the log, while the store is open.
TEST_F(StoreTest, ForgettingLeavesNothingInTheFiles) {
  const auto files_hold = [&](const std::string& text) {
    bool found = false;
    for (const auto& file : fs::directory_iterator(dir_.path())) {
      std::ifstream in(file.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(in)), {});
      found = found || bytes.find(text) != std::string::npos;
    }
    return found;
  };
  const auto results = open();
  visit(*results, 100, 5000);
  ASSERT_TRUE(results->flush());
  ASSERT_TRUE(files_hold("$.email"));
  ASSERT_TRUE(files_hold("/users/99"));
  results->forget("shop");
  ASSERT_TRUE(results->flush());
  for (const char* text : {"$.email", "/users/99", "aaaaaaaaaaaaaaaa", "users/{id}"}) {
    EXPECT_FALSE(files_hold(text)) << text;
  }
}

std::string query(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const std::string text = reinterpret_cast<const char*>(sqlite3_column_text(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return text;
}

// Words in a place that turns out to be a value, flushed before and after that is known.
TEST_F(StoreTest, ARouteThatIsMergedTakesAllItsRowsAlong) {
  {
    const auto results = open();
    for (int n = 0; n < 78; ++n) {
      const std::string word{static_cast<char>('a' + n / 26), static_cast<char>('a' + n % 26), 'x'};
      results->add(Made("GET", "/users/" + word, kStart + n * 1s, static_cast<std::uint64_t>(n) + 1)
                       .candidate({differs("$.email", Kind::kMissing, "\"e\"", "")})
                       .secondary({})
                       .comparison);
      if (n == 40) {
        ASSERT_TRUE(results->flush());
      }
    }
    ASSERT_TRUE(results->flush());
  }
  EXPECT_EQ(query(database(), "SELECT group_concat(DISTINCT route) FROM routes"), "/users/{id}");
  EXPECT_EQ(query(database(), "SELECT group_concat(DISTINCT route) FROM paths"), "/users/{id}");
  EXPECT_EQ(query(database(), "SELECT group_concat(DISTINCT route) FROM buckets"), "/users/{id}");
  EXPECT_EQ(query(database(), "SELECT group_concat(DISTINCT route) FROM samples"), "/users/{id}");
  EXPECT_EQ(query(database(), "SELECT sum(n) FROM buckets"), "78");
  EXPECT_EQ(exchanges(*open()), 78U);
}

TEST_F(StoreTest, AnOlderSchemaIsBroughtUpToDate) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(database().c_str(), &db), SQLITE_OK);
  const std::string sql = std::string(Database::schema_step(1)) +
                          "PRAGMA user_version = 1;"
                          "INSERT INTO services VALUES('shop', '', 5, 1, '', '');"
                          "INSERT INTO routes VALUES('shop', 'GET', '/old', 7, 7, 0, 0, 0, 0, '', '', '', '', '', '', '');";
  ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto results = open();
  EXPECT_TRUE(results->health().ok) << results->health().why_not;
  EXPECT_EQ(exchanges(*results), 7U);
  visit(*results, 3);
  EXPECT_TRUE(results->flush());
}

// As version 3 wrote it: counts, a latch and samples go on; hashes of values and of requests go.
TEST_F(StoreTest, WhatVersionThreeKeptGoesOnWithoutItsHashes) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(database().c_str(), &db), SQLITE_OK);
  const std::string sql =
      std::string(Database::schema_step(1)) + Database::schema_step(2) + Database::schema_step(3) +
      "PRAGMA user_version = 3;"
      "INSERT INTO services VALUES('shop', '', 5, 3, '0 0 500 0 0 0 0 0 0 0 0 0 ', '400 1 2 3 4', '/users\n');"
      "INSERT INTO routes VALUES('shop', 'GET', '/users/{id}', 40, 40, 0, 0, 0, 0, '40 7 0 0 0 0 0 0 ',"
      " '400 9 9 9 9', '', '', '', '0 0 0 0 28 0 0 12 0 1 0 0 ', '');"
      "INSERT INTO paths VALUES('shop', 'GET', '/users/{id}', 0, '$.email', 3, 1, '0 0 12 0 12 0 2 ',"
      " '9 0 0 12 0 12 40 2 ', '987654321987 55 77 ', '1234567890123 4 ');"
      "INSERT INTO samples VALUES(1, 'shop', 'GET', '/users/{id}', 9, '0 1 0 0 ', '{}');";
  char* why = nullptr;
  ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &why), SQLITE_OK) << why;
  sqlite3_close(db);
  {
    const auto results = open();
    ASSERT_TRUE(results->health().ok) << results->health().why_not;
    EXPECT_EQ(exchanges(*results), 40U);
    ASSERT_EQ(results->findings("").size(), 1U);
    EXPECT_EQ(results->findings("")[0].path, "$.email");
    EXPECT_EQ(results->verdict("", {}, {}).verdict, "fail");
    visit(*results, 3);
    EXPECT_TRUE(results->flush());
  }
  EXPECT_EQ(exchanges(*open()), 43U);
  for (const auto& file : fs::directory_iterator(dir_.path())) {
    std::ifstream in(file.path(), std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(in)), {});
    for (const char* hash : {"987654321987", "1234567890123"}) {
      EXPECT_EQ(bytes.find(hash), std::string::npos) << file.path();
    }
  }
}

TEST_F(StoreTest, OutcomesByMinuteAreBoundedByAgeAndNumber) {
  StoreRows rows;
  for (std::int64_t minute = 100; minute < 200; ++minute) {
    for (const char* outcome : {"match", "mismatch"}) {
      rows.buckets.push_back({{"shop", "GET", "/a"}, minute, outcome, 5});
    }
  }
  auto file = Database::open(database(), 1 << 20);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write(rows));
  ASSERT_TRUE(file->bound_buckets(110, 1000));
  EXPECT_EQ(query(database(), "SELECT min(minute) || ' ' || count(*) FROM buckets"), "110 180");
  ASSERT_TRUE(file->bound_buckets(110, 40));
  EXPECT_EQ(query(database(), "SELECT min(minute) || ' ' || count(*) FROM buckets"), "180 40");
  StoreRows forget;
  forget.forgotten = {"shop"};
  ASSERT_TRUE(file->write(forget));
  EXPECT_EQ(query(database(), "SELECT count(*) FROM buckets"), "0");
}

TEST_F(StoreTest, ANewerSchemaIsLeftAlone) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(database().c_str(), &db), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(db, "CREATE TABLE x(y); PRAGMA user_version = 99", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  const auto results = open();
  EXPECT_THAT(results->health().why_not, HasSubstr("newer shadowtap"));
  visit(*results, 3);
  EXPECT_EQ(exchanges(*results), 3U);
}

TEST_F(StoreTest, ACorruptFileIsNamedAndNotTouched) {
  const std::string garbage(100'000, 'x');
  std::ofstream(database()) << garbage;
  const auto results = open();
  EXPECT_FALSE(results->health().ok);
  EXPECT_THAT(results->health().why_not, HasSubstr("results.db"));
  EXPECT_THAT(results->health().why_not, HasSubstr("kept in memory"));
  visit(*results, 100);
  EXPECT_EQ(exchanges(*results), 100U);
  EXPECT_EQ(results->findings("").size(), 1U);
  std::ifstream in(database());
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(in)), {}), garbage);
}

TEST_F(StoreTest, DamageInTheMiddleIsNamedToo) {
  {
    const auto results = open();
    visit(*results, 300, 2000);
    ASSERT_TRUE(results->flush());
  }
  std::fstream file(database(), std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(4096);
  file << std::string(static_cast<std::size_t>(fs::file_size(database())) - 4096, '\xff');
  file.close();
  const auto results = open();
  EXPECT_FALSE(results->health().ok);
  visit(*results, 3);
  EXPECT_EQ(exchanges(*results), 3U);
}

TEST_F(StoreTest, ASecondAgentOnTheSameDirectoryKeepsInMemory) {
  const auto first = open();
  const auto second = open();
  EXPECT_TRUE(first->health().ok);
  EXPECT_THAT(second->health().why_not, HasSubstr("another shadowtap"));
  visit(*second, 3);
  EXPECT_EQ(exchanges(*second), 3U);
}

// The `n`-th batch of a route that counts to `n`, with a sample of about `bytes`.
StoreRows batch(std::uint64_t n, std::size_t bytes) {
  const RouteKey key{"shop", "GET", "/users/{id}"};
  StoreRows rows;
  rows.services.emplace_back().name = "shop";
  RouteRow& route = rows.routes.emplace_back();
  route.key = key;
  route.exchanges = n;
  rows.samples.push_back({n, key, 0, "", std::string(bytes, 'x')});
  return rows;
}

// Room for about ten of the samples.
constexpr std::size_t kSmallFile = 1 << 20;
constexpr std::size_t kLargeSample = 100'000;

TEST_F(StoreTest, AFileAtItsBoundGoesOnCountingAndKeepsTheNewestSamples) {
  auto db = Database::open(database(), kSmallFile);
  ASSERT_TRUE(db);
  for (std::uint64_t n = 1; n <= 40; ++n) {
    const auto written = db->write(batch(n, kLargeSample));
    ASSERT_TRUE(written) << n << ": " << written.error().message();
  }
  const auto kept = db->load();
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->routes.size(), 1U);
  EXPECT_EQ(kept->routes[0].exchanges, 40U);
  ASSERT_GT(kept->samples.size(), 1U);
  EXPECT_EQ(kept->samples.back().id, 40U);
  EXPECT_EQ(kept->samples.front().id, 41 - kept->samples.size()) << "the newest, without a gap";
}

// As after a failure: all there is comes at once, and is more than there is room for.
TEST_F(StoreTest, OfMoreSamplesThanFitTheNewestAreWritten) {
  auto db = Database::open(database(), kSmallFile);
  ASSERT_TRUE(db);
  StoreRows rows = batch(30, kLargeSample);
  rows.cleared.push_back("shop");
  for (std::uint64_t n = 1; n < 30; ++n) rows.samples.push_back(batch(n, kLargeSample).samples[0]);
  ASSERT_TRUE(db->write(rows));
  const auto kept = db->load();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->routes.size(), 1U);
  ASSERT_GT(kept->samples.size(), 1U);
  EXPECT_EQ(kept->samples.front().id, 31 - kept->samples.size());
}

TEST_F(StoreTest, WhatWouldNotFitWithoutSamplesEitherLeavesTheFileAsItWas) {
  auto db = Database::open(database(), kSmallFile);
  ASSERT_TRUE(db);
  for (std::uint64_t n = 1; n <= 3; ++n) ASSERT_TRUE(db->write(batch(n, kLargeSample)));
  StoreRows rows = batch(4, kLargeSample);
  rows.routes[0].signatures.assign(2 * kSmallFile, '1');
  const auto written = db->write(rows);
  ASSERT_FALSE(written);
  EXPECT_THAT(written.error().message(), HasSubstr("full"));
  const auto kept = db->load();
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->samples.size(), 3U);
  EXPECT_EQ(kept->routes[0].exchanges, 3U);
}

TEST_F(StoreTest, AfterFailuresEverythingIsAskedForLessAndLessOften) {
  StoreRows loaded;
  const auto store = Store::open({.data_dir = dir_.path(), .max_bytes = kSmallFile}, loaded);
  const auto write = [&](std::size_t bytes) {
    auto rows = std::make_unique<StoreRows>(batch(1, 100));
    rows->routes[0].signatures.assign(bytes, '1');
    rows->cleared.push_back("shop");
    EXPECT_TRUE(store->submit(rows));
    return store->flush(10s).has_value();
  };
  WallTime now = kStart;
  EXPECT_FALSE(store->wants_everything(now));
  ASSERT_FALSE(write(2 * kSmallFile));
  EXPECT_TRUE(store->wants_everything(now));
  for (const Duration pause : {10s, 20s, 40s, 60s, 60s}) {
    ASSERT_FALSE(write(2 * kSmallFile));
    EXPECT_FALSE(store->wants_everything(now + pause - 1s));
    EXPECT_TRUE(store->wants_everything(now += pause));
  }
  ASSERT_TRUE(write(10));
  EXPECT_FALSE(store->wants_everything(now + 1h));
  ASSERT_FALSE(write(2 * kSmallFile));
  EXPECT_TRUE(store->wants_everything(now + 5s)) << "as after the first";
}

TEST_F(StoreTest, AReadOnlyDiskIsAStateNotAFailure) {
  if (!dir_.mount("size=1m", MS_RDONLY)) SKIP_OR_FAIL("cannot mount a tmpfs");
  const auto results = open();
  EXPECT_THAT(results->health().why_not, HasSubstr("Read-only file system"));
  visit(*results, 100);
  EXPECT_EQ(results->findings("").size(), 1U);
  EXPECT_TRUE(results->flush());
}

TEST_F(StoreTest, AFullDiskIsAStateAndPassesWithIt) {
  if (!dir_.mount("size=400k")) SKIP_OR_FAIL("cannot mount a tmpfs");
  {
    const auto results = open();
    ASSERT_TRUE(results->health().ok) << results->health().why_not;
    for (int i = 0; i < 20; ++i) {
      visit(*results, 50, 40'000, i * 50);
      (void)results->flush();
    }
    EXPECT_FALSE(results->health().ok);
    EXPECT_THAT(results->health().why_not, HasSubstr("full"));
    EXPECT_EQ(exchanges(*results), 1000U);
    EXPECT_EQ(results->findings("").size(), 1U);
    ASSERT_TRUE(dir_.mount("size=64m", MS_REMOUNT));
    results->tick(WallTime(std::chrono::system_clock::now()) + 2min);  // the retry is due
    EXPECT_TRUE(results->flush());
    EXPECT_TRUE(results->health().ok) << results->health().why_not;
  }
  const auto again = open();
  EXPECT_EQ(exchanges(*again), 1000U);
  EXPECT_EQ(again->findings("").size(), 1U);
}

}  // namespace
}  // namespace shadowtap::results::test
