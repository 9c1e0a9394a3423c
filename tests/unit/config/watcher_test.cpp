#include "agent/config/watcher.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>

namespace shadowtap::config {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Real files and inotify; waits for the call with a bound, never for a fixed time.
class WatcherTest : public testing::Test {
 protected:
  WatcherTest() {
    char name[] = "/tmp/shadowtap_watcher_XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~WatcherTest() override { fs::remove_all(directory_); }

  void write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ / name) << text;
  }
  void watch(const std::string& name) {
    watcher_ = Watcher::start(io_, name.empty() ? "" : directory_ / name, [this] { ++calls_; }).value();
  }
  // Runs until one more call came.
  bool called() {
    const int before = calls_;
    const auto end = std::chrono::steady_clock::now() + 5s;
    while (calls_ == before && std::chrono::steady_clock::now() < end) io_.run_one_for(100ms);
    return calls_ == before + 1;
  }

  boost::asio::io_context io_;
  fs::path directory_;
  std::unique_ptr<Watcher> watcher_;
  int calls_ = 0;
};

TEST_F(WatcherTest, AnEditInPlaceIsSeen) {
  write("a.yaml", "1");
  watch("a.yaml");
  write("a.yaml", "22");
  EXPECT_TRUE(called());
}

TEST_F(WatcherTest, ARenameOverItIsSeen) {
  write("a.yaml", "1");
  watch("a.yaml");
  write("a.new", "2");
  fs::rename(directory_ / "a.new", directory_ / "a.yaml");
  EXPECT_TRUE(called());
}

TEST_F(WatcherTest, ASwappedConfigMapIsSeenAgainAndAgain) {
  for (const char* version : {"..1", "..2", "..3"}) {
    fs::create_directory(directory_ / version);
    write(std::string(version) + "/a.yaml", version);
  }
  fs::create_symlink("..1", directory_ / "..data");
  fs::create_symlink("..data/a.yaml", directory_ / "a.yaml");
  watch("a.yaml");
  for (const char* version : {"..2", "..3"}) {
    fs::create_symlink(version, directory_ / "..tmp");
    fs::rename(directory_ / "..tmp", directory_ / "..data");
    EXPECT_TRUE(called()) << version;
  }
}

TEST_F(WatcherTest, SighupAlwaysCallsAlsoWithoutAFile) {
  watch("");
  std::raise(SIGHUP);
  EXPECT_TRUE(called());
}

TEST_F(WatcherTest, NeighboursAreNoChange) {
  write("a.yaml", "1");
  watch("a.yaml");
  write("b.yaml", "1");
  write("c.yaml", "1");
  std::raise(SIGHUP);  // comes after what the directory told; the only call
  EXPECT_TRUE(called());
  io_.run_for(250ms);  // longer than the quiet time that b.yaml started
  EXPECT_EQ(calls_, 1);
}

}  // namespace
}  // namespace shadowtap::config
