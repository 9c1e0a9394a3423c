// Every case of tests/golden/diff/*.txt: as it stands, with the sides swapped, and each
// side against itself. The format is described in tests/golden/diff/README.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "diff/response_diff.h"
#include "tests/unit/diff/vocabulary.h"

namespace shadowtap::diff {
namespace {

struct Side {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::string body;
  bool has_body = false;
  std::string coding;
};

struct Case {
  std::string name;
  std::string file;
  Side left;
  Side right;
  Rules rules;
  std::string type;
  bool head = false;
  bool one_way = false;    // swapping does not mirror: rules or modes that know a side
  bool ignored = false;
  bool truncated = false;
  bool shows_aggregated = false;
  std::set<std::string> map_like;
  std::vector<std::string> notes;
  std::vector<std::string> expected;
  Budget budget;
};

std::string from_hex(const std::string& text) {
  std::istringstream in(text);
  std::string bytes;
  unsigned value = 0;
  while (in >> std::hex >> value) bytes += static_cast<char>(value);
  return bytes;
}

void read_side(Side& side, const std::string& line) {
  const std::string rest = line.size() > 2 ? line.substr(line[1] == ' ' ? 2 : 3) : "";
  const auto named = [&](auto& list) {
    const auto colon = rest.find(": ");
    list.emplace_back(rest.substr(0, colon), rest.substr(colon + 2));
  };
  switch (line.size() > 1 ? line[1] : ' ') {
    case ':': return named(side.headers);
    case '~': return named(side.trailers);
    case '!': side.status = std::stoi(rest); return;
    case 'c': side.coding = rest; return;
    case 'x': side.body += from_hex(rest); side.has_body = true; return;
    case 'r': side.body += rest + "\r\n"; side.has_body = true; return;
    case '*': {  // "<* 1000 text": repeated
      std::istringstream in(rest);
      std::size_t times = 0;
      std::string text;
      in >> times >> text;
      for (; times > 0; --times) side.body += text;
      side.has_body = true;
      return;
    }
    default:
      if (side.has_body) side.body += '\n';
      side.body += rest;
      side.has_body = true;
  }
}

void read_rule(Case& c, const std::string& line) {
  std::istringstream in(line.substr(2));
  std::string verb;
  std::string path;
  in >> verb;
  std::string rest;
  std::getline(in >> std::ws, rest);
  std::istringstream words(rest);
  std::string word;
  words >> path;
  if (verb == "ignore") {
    IgnoreRule rule{.path = path};
    if (path == "line" || path == "byte") {
      words >> word;
      rule.path += " " + word;
    }
    while (words >> word) {
      if (word == "presence") rule.presence_only = true;
      if (word.starts_with("kind=")) rule.kind = word.substr(5);
    }
    c.rules.ignore.push_back(rule);
  } else if (verb == "ignore-header") {
    c.rules.ignore_headers.push_back(path);
  } else if (verb == "all-headers") {
    c.rules.default_ignored_headers = false;
  } else if (verb == "unordered") {
    c.rules.unordered.push_back({.path = path});
  } else if (verb == "keyed") {
    words >> word;
    c.rules.unordered.push_back({.path = path, .key = word});
  } else if (verb == "tolerance") {
    ToleranceRule rule{.path = path};
    std::string value;
    while (words >> word >> value) {
      if (word == "absolute") rule.absolute = std::stod(value);
      if (word == "relative") rule.relative = std::stod(value);
      if (word == "time") rule.time = value;
    }
    c.rules.tolerance.push_back(rule);
  } else if (verb == "pattern") {
    if (path == "line") {
      words >> word;
      path += " " + word;
    }
    std::getline(words >> std::ws, word);
    c.rules.pattern.push_back({.path = path, .pattern = word});
  } else if (verb == "mode") {
    c.rules.mode = path == "shape" ? Mode::kShape : path == "additive" ? Mode::kAdditive
                                                                       : Mode::kStrict;
  } else if (verb == "type") {
    c.type = rest;
  } else if (verb == "head") {
    c.head = true;
  } else if (verb == "one-way") {
    c.one_way = true;
  } else if (verb == "ignored") {
    c.ignored = true;
  } else if (verb == "truncated") {
    c.truncated = true;
  } else if (verb == "aggregated") {
    c.shows_aggregated = true;
  } else if (verb == "map-like") {
    c.map_like.insert(rest);
  } else if (verb == "note") {
    c.notes.push_back(rest);
  } else if (verb == "steps") {
    c.budget.max_steps = std::stoull(path);
  } else if (verb == "differences") {
    c.budget.max_differences = std::stoull(path);
  } else {
    FAIL() << "unknown line in " << c.file << ": " << line;
  }
}

std::vector<Case> read_cases() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator("tests/golden/diff")) {
    if (entry.path().extension() == ".txt") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  std::vector<Case> cases;
  for (const auto& file : files) {
    std::ifstream in(file, std::ios::binary);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with("# ")) {
        Case& added = cases.emplace_back();
        added.name = line.substr(2);
        added.file = file.filename().string();
      } else if (line.empty() || cases.empty()) {
        continue;
      } else if (line.front() == '<') {
        read_side(cases.back().left, line);
      } else if (line.front() == '>') {
        read_side(cases.back().right, line);
      } else if (line.front() == '@') {
        read_rule(cases.back(), line);
      } else {
        cases.back().expected.push_back(line);
      }
    }
  }
  return cases;
}

// Keeps what a ResponseView points to.
struct Made {
  explicit Made(const Side& side, const Case& c) {
    if (!c.type.empty()) headers.push_back({"Content-Type", c.type});
    for (const auto& [name, value] : side.headers) headers.push_back({name, value});
    for (const auto& [name, value] : side.trailers) trailers.push_back({name, value});
    view.status = side.status;
    view.head = c.head;
    view.headers = headers;
    view.trailers = trailers;
    view.body = side.body;
    view.coding = side.coding;
  }
  std::vector<HeaderLine> headers;
  std::vector<HeaderLine> trailers;
  ResponseView view;
};

Differences run(const Case& c, const Side& left, const Side& right) {
  const Made l(left, c);
  const Made r(right, c);
  return compare(l.view, r.view, *compiled(c.rules), c.budget);
}

Difference mirrored(Difference d) {
  if (!d.right_path.empty()) std::swap(d.path, d.right_path);
  std::swap(d.left, d.right);
  if (d.kind == Kind::kMissing) {
    d.kind = Kind::kExtra;
  } else if (d.kind == Kind::kExtra) {
    d.kind = Kind::kMissing;
  }
  return d;
}

std::multiset<std::string> as_set(const Differences& differences, bool mirror) {
  std::multiset<std::string> set;
  for (const auto& d : differences.all) set.insert(line(mirror ? mirrored(d) : d));
  return set;
}

TEST(Golden, EveryCaseGivesWhatItSays) {
  const auto cases = read_cases();
  EXPECT_GE(cases.size(), 150u);
  for (const Case& c : cases) {
    SCOPED_TRACE(c.file + ": " + c.name);
    const Differences d = run(c, c.left, c.right);
    std::vector<std::string> found;
    for (const auto& one : d.all) {
      found.push_back(c.shows_aggregated ? std::string(to_string(one.kind)) + " " + one.aggregated
                                         : line(one));
    }
    EXPECT_EQ(found, c.expected);
    EXPECT_EQ(d.truncated, c.truncated);
    EXPECT_EQ(d.equal, c.expected.empty() && !c.truncated);
    EXPECT_EQ(d.ignored, c.ignored);
    EXPECT_EQ(std::set<std::string>(d.map_like.begin(), d.map_like.end()), c.map_like);
    for (const auto& note : c.notes) {
      EXPECT_THAT(d.notes, ::testing::Contains(::testing::HasSubstr(note)));
    }
  }
}

TEST(Golden, SwappingTheSidesMirrorsTheDifferences) {
  for (const Case& c : read_cases()) {
    if (c.one_way || c.truncated) continue;
    SCOPED_TRACE(c.file + ": " + c.name);
    EXPECT_EQ(as_set(run(c, c.left, c.right), true), as_set(run(c, c.right, c.left), false));
  }
}

TEST(Golden, EachSideEqualsItself) {
  for (const Case& c : read_cases()) {
    SCOPED_TRACE(c.file + ": " + c.name);
    for (const Side* side : {&c.left, &c.right}) {
      const Differences d = run(c, *side, *side);
      EXPECT_TRUE(d.equal);
      EXPECT_THAT(lines(d), ::testing::IsEmpty());
    }
  }
}

}  // namespace
}  // namespace shadowtap::diff
