#include "agent/config/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shadowtap::config {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

Command parsed(std::vector<const char*> words) {
  words.insert(words.begin(), "shadowtap");
  return parse(static_cast<int>(words.size()), words.data());
}

Usage usage(const std::vector<const char*>& words) {
  const Command command = parsed(words);
  const Usage* usage = std::get_if<Usage>(&command);
  return usage ? *usage : Usage{-1, "was taken"};
}

TEST(CommandLine, RunTakesEveryFlag) {
  const Command command = parsed(
      {"run", "--port", "8080", "--port", "8081,8082", "--candidate", "http://10.0.0.9:8080",
       "--secondary", "http://10.0.0.8:8080", "--mirror", "http://a:1", "--mirror=http://b:2",
       "--config", "f.yaml", "--service", "orders", "--interface", "eth0", "--interface",
       "veth1:leaf", "--pid", "12", "--for", "10m", "--exit-verdict", "--report", "out.md",
       "--listen", "127.0.0.1:0", "--metrics-listen", "0.0.0.0:9901", "--rate", "50/s",
       "--max-in-flight", "10", "--guard", "off", "--allow", "^/api", "--deny", "x", "--set-header",
       "X-Env: shadow", "--ignore", "$.a", "--timeout", "2s", "--data-dir", "/tmp/d", "--sample",
       "12.5%", "--method", "GET", "--method", "POST", "--allow-side-effects", "--log-level",
       "debug", "--log-format", "json", "--check-config", "--api-token-file", "t"});
  const RunCommand* run = std::get_if<RunCommand>(&command);
  ASSERT_TRUE(run) << std::get<Usage>(command).text;
  EXPECT_THAT(run->ports, ElementsAre(8080, 8081, 8082));
  EXPECT_EQ(run->candidate, "http://10.0.0.9:8080");
  EXPECT_THAT(run->mirrors, ElementsAre("http://a:1", "http://b:2"));
  EXPECT_THAT(run->interfaces, ElementsAre("eth0", "veth1:leaf"));
  EXPECT_EQ(run->pid, 12);
  EXPECT_EQ(run->run_for, 10min);
  EXPECT_TRUE(run->exit_verdict);
  EXPECT_EQ(run->rate, 50);
  EXPECT_EQ(run->max_in_flight, 10u);
  EXPECT_EQ(run->guard, false);
  EXPECT_THAT(run->set_headers, ElementsAre("X-Env: shadow"));
  EXPECT_EQ(run->timeout, 2s);
  EXPECT_EQ(run->sample, 12.5);
  EXPECT_THAT(run->methods, ElementsAre("GET", "POST"));
  EXPECT_EQ(run->log.level, "debug");
  EXPECT_TRUE(run->log.json);
}

TEST(CommandLine, EachCommandBecomesItsStruct) {
  EXPECT_EQ(std::get<DemoCommand>(parsed({"demo", "--for", "20s"})).run_for, 20s);
  EXPECT_EQ(std::get<ReportCommand>(parsed({"report", "--format", "junit"})).format, "junit");
  EXPECT_EQ(std::get<PauseCommand>(parsed({"pause", "--service", "a"})).api.service, "a");
  EXPECT_EQ(std::get<ResumeCommand>(parsed({"resume", "--api", "http://h:1"})).api.api, "http://h:1");
  EXPECT_TRUE(std::get<DetachCommand>(parsed({"detach", "--dry-run"})).dry_run);
  EXPECT_EQ(std::get<DetachCommand>(parsed({"detach", "--netns", "blue"})).netns, "blue");
  EXPECT_EQ(std::get<DetachCommand>(parsed({"detach", "--pid", "12"})).pid, 12);
  EXPECT_TRUE(std::get<CheckCommand>(parsed({"check", "--json"})).json);
  EXPECT_EQ(std::get<RecordCommand>(parsed({"record", "--port", "80", "--output", "f"})).output, "f");
  EXPECT_EQ(std::get<ReplayCommand>(parsed({"replay", "f.pcap", "--speed", "2"})).speed, "2");
  EXPECT_TRUE(std::get<ReplayCommand>(parsed({"replay", "f.gor"})).run.from_file);
  EXPECT_EQ(std::get<CompareCommand>(parsed({"compare", "check", "run"})).right, "run");
  EXPECT_EQ(std::get<VerdictCommand>(parsed({"verdict", "--wait", "15m", "--min-compared", "9"}))
                .min_compared,
            9u);
}

TEST(CommandLine, HelpAndVersionAreNoMistakes) {
  EXPECT_EQ(usage({"--help"}).exit_code, 0);
  EXPECT_THAT(usage({"--help"}).text, HasSubstr("verdict"));
  EXPECT_THAT(usage({"run", "--help"}).text, HasSubstr("--candidate"));
  EXPECT_THAT(usage({"--version"}).text, HasSubstr("shadowtap 0."));
  for (const char* command : {"run", "demo", "report", "pause", "resume", "detach", "check",
                              "record", "replay", "compare", "verdict"}) {
    EXPECT_EQ(usage({command, "--help"}).exit_code, 0) << command;
  }
}

TEST(CommandLine, ListensWhereTheListenerCan) {
  for (const char* address : {"[2001:db8::1]:9901", "2001:db8::1:9901", "[::]:9901", ":9901", "*:9901",
                              "localhost:9901", "unix:/run/m.sock"}) {
    const Command command = parsed({"run", "--metrics-listen", address});
    ASSERT_TRUE(std::holds_alternative<RunCommand>(command)) << address;
    EXPECT_EQ(std::get<RunCommand>(command).metrics_listen, address);
  }
}

struct Mistake {
  std::vector<const char*> words;
  const char* sentence;
};

TEST(CommandLine, EveryMistakeIsExitTwoAndNamesTheCure) {
  const Mistake mistakes[] = {
      {{}, "run"},
      {{"rnu"}, "unknown command 'rnu' (did you mean 'run'?)"},
      {{"rnu", "--port", "80"}, "did you mean 'run'"},
      {{"--port", "80"}, "unknown flag '--port'"},
      {{"run", "--prot", "80"}, "unknown flag '--prot' (did you mean '--port'?)"},
      {{"run", "--candidat=http://x"}, "did you mean '--candidate'"},
      {{"run", "8080"}, "unexpected argument '8080'"},
      {{"run", "--port"}, "--port"},
      {{"run", "--port", "0"}, "'0' is not a port"},
      {{"run", "--port", "65536"}, "is not a port"},
      {{"run", "--port", "80,80"}, "given twice"},
      {{"run", "--port", "80", "--port", "80"}, "given twice"},
      {{"run", "--candidate", "10.0.0.9:8080"}, "is not a URL of a target"},
      {{"run", "--candidate", "http://"}, "has no host"},
      {{"run", "--candidate", "http://h:99999"}, "has a port"},
      {{"run", "--candidate", "http://h/?a=1"}, "query"},
      {{"run", "--candidate", "http://a", "--candidate", "http://b"}, "--candidate"},
      {{"run", "--for", "5"}, "'5' is not a duration"},
      {{"run", "--timeout", "0s"}, "more than 0"},
      {{"run", "--report", "out.pdf"}, "has none of the suffixes"},
      {{"run", "--sample", "101"}, "percentage"},
      {{"run", "--sample", "nan"}, "percentage"},
      {{"run", "--rate", "fast"}, "is not a rate"},
      {{"run", "--rate", "-1"}, "--rate"},
      {{"run", "--guard", "maybe"}, "neither 'on' nor 'off'"},
      {{"run", "--method", "get"}, "is not 'GET'"},
      {{"run", "--method", "G T"}, "is not an HTTP method"},
      {{"run", "--set-header", "X-Env"}, "is not a header"},
      {{"run", "--set-header", "X-Key:", "value"}, "whole header in quotes"},
      {{"run", "--candidate", "http://u:p@h"}, "'http://***@h' has credentials in it"},
      {{"run", "--listen", "host.name:9900"}, "is not an address to listen on"},
      {{"detach", "--pid", "0"}, "'0' is not a number from 1"},
      {{"detach", "--pid", "1", "--netns", "blue"}, "excludes"},
      {{"detach", "--net", "blue"}, "did you mean '--netns'"},
      {{"run", "--set-header", "X: a\r\nY: b"}, "line break"},
      {{"run", "--interface", "eth0:laef"}, "did you mean 'leaf'"},
      {{"run", "--listen", "9900"}, "is not an address to listen on"},
      {{"run", "--log-level", "wran"}, "did you mean 'warn'"},
      {{"record", "--port", "80"}, "--output"},
      {{"record", "--prot", "80"}, "did you mean '--port'"},
      {{"replay"}, "FILE"},
      {{"replay", "f", "--speed", "0"}, "neither a factor"},
      {{"compare", "a"}, "RIGHT"},
      {{"compare", "a", "b", "c"}, "unexpected argument 'c'"},
      {{"report", "--format", "docbook"}, "unknown value 'docbook'; known: text, md, json, html, junit"},
      {{"verdict", "--min-compared", "x"}, "whole number"},
  };
  for (const Mistake& mistake : mistakes) {
    const Usage answer = usage(mistake.words);
    EXPECT_EQ(answer.exit_code, 2) << mistake.sentence;
    EXPECT_THAT(answer.text, HasSubstr(mistake.sentence));
  }
}

}  // namespace
}  // namespace shadowtap::config
