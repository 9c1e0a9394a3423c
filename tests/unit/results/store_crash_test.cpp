// Kill -9 at random moments, hundreds of times: the store opens, counters never go back by
// more than a flush, and no sample is half there.
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <random>
#include <thread>

#include "tests/unit/results/traffic.h"

namespace shadowtap::results::test {
namespace {

using diff::Kind;

constexpr int kKills = 300;

ResultsOptions on_disk(const std::string& dir) {
  ResultsOptions options = one_service();
  options.store.data_dir = dir;
  options.store.max_age = std::chrono::hours(24 * 3650);  // our times are of no particular day
  return options;
}

std::uint64_t exchanges(const Results& results) {
  std::uint64_t sum = 0;
  for (const EndpointRow& row : results.endpoints("", "", 1000).rows) sum += row.exchanges;
  return sum;
}

// The victim: adds, flushes, and tells how many exchanges are safely kept, for ever.
[[noreturn]] void live(const std::string& dir, int told) {
  auto results = Results::open(on_disk(dir));
  if (!results || !(*results)->health().ok) _exit(3);
  std::uint64_t n = exchanges(**results);
  while (true) {
    for (int i = 0; i < 50; ++i, ++n) {
      Made made("GET", "/r" + std::to_string(n % 7) + "/" + std::to_string(n),
                kStart + n * 100ms, n + 1);
      made.candidate({differs("$.a", Kind::kValue, std::to_string(n), "x")}).secondary({});
      made.comparison.candidate->response.body.bytes.assign(3000, 'b');
      made.comparison.candidate->response.body.size = 3000;
      (*results)->add(std::move(made.comparison));
    }
    if (!(*results)->flush()) _exit(4);
    if (write(told, &n, sizeof n) != sizeof n) _exit(5);
  }
}

std::uint64_t query(const std::string& file, const char* sql) {
  sqlite3* db = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open(file.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const auto value = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(db);
  return value;
}

TEST(StoreCrash, KilledAtAnyMomentItLosesAtMostTheLastFlush) {
  std::string name = (std::filesystem::temp_directory_path() / "shadowtap-crash-XXXXXX").string();
  const std::string dir = mkdtemp(name.data());
  std::mt19937 random(1);
  std::uint64_t safe = 0;
  for (int kill_number = 0; kill_number < kKills; ++kill_number) {
    int told[2];
    ASSERT_EQ(pipe(told), 0);
    const pid_t child = fork();
    if (child == 0) live(dir, told[1]);
    close(told[1]);
    // Every other one only after its first flush, so that a busy machine gets on as well.
    std::uint64_t first = 0;
    if (kill_number % 2 == 1 && read(told[0], &first, sizeof first) == sizeof first) safe = first;
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 40'000));
    ASSERT_EQ(kill(child, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the victim ended by itself: " << WEXITSTATUS(status);
    for (std::uint64_t n = 0; read(told[0], &n, sizeof n) == sizeof n;) safe = n;
    close(told[0]);

    auto results = Results::open(on_disk(dir));
    ASSERT_TRUE(results);
    ASSERT_TRUE((*results)->health().ok) << (*results)->health().why_not;
    const std::uint64_t kept = exchanges(**results);
    ASSERT_GE(kept, safe) << "after kill " << kill_number;
    ASSERT_LE(kept, safe + 50) << "after kill " << kill_number;  // the flush under way
    safe = kept;
  }
  EXPECT_GT(safe, 1000U);
  const std::string file = dir + "/results.db";
  EXPECT_EQ(query(file, "SELECT integrity_check = 'ok' FROM pragma_integrity_check"), 1U);
  EXPECT_EQ(query(file, "SELECT count(*) FROM samples WHERE NOT json_valid(document)"), 0U);
  EXPECT_GT(query(file, "SELECT count(*) FROM samples"), 10U);
  // What a bucket counts is what the routes count.
  EXPECT_EQ(query(file, "SELECT (SELECT sum(n) FROM buckets) = (SELECT sum(compared) FROM routes)"), 1U);
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace shadowtap::results::test
