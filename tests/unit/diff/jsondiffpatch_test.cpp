// Against another diff: jsondiffpatch, from npm, sees two documents as equal if and only
// if we do. Installed once into build/. Where npm's registry cannot be reached ctest says
// Skipped; without node or npm as well, and Failed with CI=true.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/diff/model.h"
#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

constexpr const char* kPackage = "build/jsondiffpatch/node_modules/jsondiffpatch";

bool is_installed() { return std::filesystem::exists(std::string(kPackage) + "/package.json"); }

// "" or the program that is missing: deploy/packages-test.txt brings both.
std::string missing_program() {
  if (std::system("node --version >/dev/null 2>&1") != 0) return "node";
  if (!is_installed() && std::system("npm --version >/dev/null 2>&1") != 0) return "npm";
  return "";
}

bool install() {
  return is_installed() ||
         std::system("timeout 90 npm install --no-audit --no-fund --prefix build/jsondiffpatch "
                     "jsondiffpatch@0.7 >/dev/null 2>&1") == 0;
}

TEST(AgainstJsondiffpatch, EqualIfAndOnlyIfEqual) {
  if (const std::string program = missing_program(); !program.empty()) {
    const char* ci = std::getenv("CI");
    if (ci != nullptr && std::string(ci) == "true") FAIL() << program << " is needed (CI=true)";
    GTEST_SKIP() << "NOT TESTED: there is no " << program;
  }
  if (!install()) GTEST_SKIP() << "NOT TESTED: npm could not install jsondiffpatch";
  std::string pattern = (std::filesystem::temp_directory_path() / "pairsXXXXXX").string();
  const std::filesystem::path directory = mkdtemp(pattern.data());
  std::mt19937 random(11);
  std::vector<bool> ours;
  std::vector<std::string> texts;
  {
    std::ofstream pairs(directory / "pairs");
    for (int i = 0; i < 3000; ++i) {
      const Value left = random_value(random, 4);
      const Value right = i % 3 ? edited(left, random, i % 3 - 1) : random_value(random, 4);
      const std::string l = to_text(left, &random);
      const std::string r = to_text(right, &random);
      texts.push_back("[" + l + "," + r + "]");
      pairs << texts.back() << "\n";
      const std::vector<HeaderLine> json = {{"Content-Type", "application/json"}};
      ResponseView x = body_of(l);
      ResponseView y = body_of(r);
      x.headers = y.headers = json;
      ours.push_back(compare(x, y, *RuleSet::none()).equal);
    }
  }
  const std::string command = "timeout 60 node tests/unit/diff/jsondiffpatch_equal.mjs " +
                              std::string(kPackage) + " < " + (directory / "pairs").string() +
                              " > " + (directory / "answers").string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::ifstream answers(directory / "answers");
  std::size_t count = 0;
  std::size_t equal = 0;
  for (std::string answer; std::getline(answers, answer) && count < ours.size(); ++count) {
    EXPECT_EQ(ours[count], answer == "1") << "pair " << count << ": " << texts[count];
    equal += answer == "1";
  }
  EXPECT_EQ(count, ours.size());
  EXPECT_GT(equal, 500u);
  EXPECT_LT(equal, 2500u);
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace shadowtap::diff
