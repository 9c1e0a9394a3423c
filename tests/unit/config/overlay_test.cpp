#include "agent/config/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/config/changes.h"

namespace shadowtap::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Config file(const std::string& select, const std::string& candidate = "url: 'http://c'") {
  return parse_config("services:\n- {name: a, ports: [80], select: {" + select +
                          "}, targets: {candidate: {" + candidate + "}}}",
                      "f.yaml")
      .value();
}

class OverlayTest : public testing::Test {
 protected:
  OverlayTest() {
    char name[] = "/tmp/shadowtap_overlay_XXXXXX";
    directory_ = ::mkdtemp(name);
  }
  ~OverlayTest() override { std::filesystem::remove_all(directory_); }

  std::string path() const { return directory_ + "/overlay.json"; }
  Overlay open() const { return Overlay::open(path()).value(); }

  // What holds after a restart with this file.
  Config after_restart(const Config& base) {
    Overlay overlay = open();
    forgotten_.clear();
    return overlay.apply(base, forgotten_);
  }

  shadow::SelectOptions select_of(const Config& base) { return base.services[0].select; }

  std::string directory_;
  std::vector<std::string> forgotten_;
};

TEST_F(OverlayTest, AChangeIsKeptAcrossARestart) {
  const Config base = file("sample: 100");
  shadow::SelectOptions select = select_of(base);
  select.sample = 10;
  ASSERT_TRUE(open().put_select(base, "a", select, WallTime()));
  EXPECT_EQ(after_restart(base).services[0].select.sample, 10);
  EXPECT_THAT(forgotten_, IsEmpty());
}

TEST_F(OverlayTest, PerKeyTheNewerEditOfTheFileWins) {
  const Config base = file("sample: 100, methods: [GET]");
  shadow::SelectOptions select = select_of(base);
  select.sample = 10;
  select.rate = 5;
  ASSERT_TRUE(open().put_select(base, "a", select, WallTime()));
  const Config now = after_restart(file("sample: 50, methods: [HEAD]"));
  EXPECT_EQ(now.services[0].select.sample, 50);
  EXPECT_EQ(now.services[0].select.rate, 5);
  EXPECT_THAT(now.services[0].select.methods, ElementsAre("HEAD"));
  EXPECT_THAT(forgotten_, ElementsAre(HasSubstr("services.a.select.sample")));
}

TEST_F(OverlayTest, AChangeBackToTheFilesValueLeavesNothing) {
  const Config base = file("sample: 100");
  Overlay overlay = open();
  shadow::SelectOptions select = select_of(base);
  select.sample = 10;
  ASSERT_TRUE(overlay.put_select(base, "a", select, WallTime()));
  EXPECT_THAT(overlay.changes(), testing::SizeIs(1));
  ASSERT_TRUE(overlay.put_select(base, "a", select_of(base), WallTime()));
  EXPECT_THAT(overlay.changes(), IsEmpty());
}

TEST_F(OverlayTest, TargetsComeGoAndKeepTheirCredentials) {
  const Config base = file("sample: 100");
  shadow::TargetOptions mirror;
  mirror.role = shadow::Role::kMirror;
  mirror.name = "load";
  mirror.url = "http://m:81/base";
  mirror.set_headers = {{"Authorization", "Bearer x"}};
  Overlay overlay = open();
  ASSERT_TRUE(overlay.put_target(base, "a", mirror, WallTime()));
  ASSERT_TRUE(overlay.remove_target(base, "a", shadow::Role::kCandidate, "", WallTime()));
  const Config now = after_restart(base);
  ASSERT_EQ(now.services[0].mirrors.size(), 1u);
  EXPECT_EQ(now.services[0].mirrors[0].name, "load");
  EXPECT_EQ(now.services[0].mirrors[0].url, "http://m:81/base");
  EXPECT_EQ(now.services[0].mirrors[0].set_headers.at(0).value, "Bearer x");
  EXPECT_FALSE(now.services[0].candidate);

  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);

  // The file now names another candidate: newer than the removal.
  EXPECT_TRUE(after_restart(file("sample: 100", "url: 'http://d'")).services[0].candidate);
}

TEST_F(OverlayTest, RulesKeepReasonAndExpiry) {
  const Config base = file("sample: 100");
  diff::Rules rules;
  diff::IgnoreRule& rule = rules.ignore.emplace_back();
  rule.path = "$.a";
  rule.reason = "known: \"quoted\"\n";
  rule.expires = "2027-01-01T00:00:00Z";
  ASSERT_TRUE(open().put_rules(base, "a", rules, WallTime()));
  const diff::Rules now = after_restart(base).services[0].compare;
  ASSERT_EQ(now.ignore.size(), 1u);
  EXPECT_EQ(now.ignore[0].reason, rule.reason);
  EXPECT_EQ(now.ignore[0].expires, rule.expires);
}

TEST_F(OverlayTest, UnknownServicesAndBrokenFilesAreErrors) {
  EXPECT_FALSE(open().put_rules(file(""), "b", {}, WallTime()));
  for (const char* broken : {"{", "{\"schema\":2,\"changes\":[]}", "[]", ""}) {
    std::ofstream(path()) << broken;
    EXPECT_FALSE(Overlay::open(path())) << broken;
  }
}

// It holds already: a file that is read again must not undo it.
TEST_F(OverlayTest, AFailedSaveKeepsTheChangeForTheNextOne) {
  const std::string later = directory_ + "/later";
  Overlay overlay = Overlay::open(later + "/overlay.json").value();
  const Config base = file("sample: 100");
  shadow::SelectOptions select = select_of(base);
  select.sample = 10;
  EXPECT_FALSE(overlay.put_select(base, "a", select, WallTime()));
  EXPECT_EQ(overlay.changes().size(), 1U);
  std::filesystem::create_directory(later);
  diff::Rules rules;
  rules.ignore.emplace_back().path = "$.at";
  EXPECT_TRUE(overlay.put_rules(base, "a", rules, WallTime()));
  std::vector<std::string> forgotten;
  const Config held = Overlay::open(later + "/overlay.json").value().apply(base, forgotten);
  EXPECT_EQ(select_of(held).sample, 10);
}

TEST_F(OverlayTest, SourcesTellFlagsAndRunTimeFromTheFile) {
  const Config from_file = file("sample: 100");
  Config with_flags = from_file;
  with_flags.services[0].select.sample = 50;
  with_flags.services[0].candidate->url = "http://flag";
  Overlay overlay = open();
  shadow::SelectOptions select = with_flags.services[0].select;
  select.sample = 10;
  ASSERT_TRUE(overlay.put_select(with_flags, "a", select, WallTime()));
  std::vector<std::string> said;
  for (const Source& source : sources(from_file, with_flags, overlay)) {
    said.push_back(source.key + "=" + source.source);
  }
  EXPECT_THAT(said, ElementsAre("services.a.ports=file", "services.a.targets.candidate=file",
                                "services.a.targets.candidate.url=flag",
                                "services.a.select.sample=runtime"));
}

TEST(Changes, SectionsAreNamedAndTheRestNeedsARestart) {
  const Config from = file("sample: 100");
  Config to = file("sample: 50", "url: 'http://d'");
  to.services[0].ports = {81};
  to.api.listen = "127.0.0.1:1";
  std::vector<std::string> sections;
  for (const ChangedSection& one : changed_sections(from, to)) sections.push_back(one.section);
  EXPECT_THAT(sections, ElementsAre("candidate", "select"));
  EXPECT_THAT(needs_restart(from, to, to), ElementsAre("listen", "services.a.ports"));
  EXPECT_THAT(needs_restart(from, from, from), IsEmpty());
}

TEST(Changes, AServicesNameIsNotTakenForASection) {
  Config from = file("sample: 100");
  from.services[0].name = "a.select.b";
  Config to = from;
  to.services[0].ports = {81};
  EXPECT_THAT(needs_restart(from, to, to), ElementsAre("services.a.select.b.ports"));
}

TEST(Changes, WhatHoldsAtOnceNeedsNoRestart) {
  const Config from = file("sample: 100");
  Config to = from;
  to.limits = {5, 3};
  to.services[0].release = "v2";
  to.services[0].dispatch.guard = false;
  to.services[0].dispatch.impact.on = false;
  to.services[0].dispatch.expires = std::chrono::hours(1);
  to.services[0].dispatch.aliases = {{"sid", ""}};
  to.services[0].dispatch.middleware = "cat";
  EXPECT_THAT(needs_restart(from, to, to), IsEmpty());
  const Config possible = to;
  to.services[0].dispatch.order = shadow::Order::kHappensBefore;
  EXPECT_THAT(needs_restart(from, to, possible), ElementsAre("services.a.order"));
}

}  // namespace
}  // namespace shadowtap::config
