// Complaints end in logs, in answers of the API and on standard error: none may quote a
// credential, however wrong the place is in which it stands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config/checks.h"
#include "agent/config/command_line.h"
#include "agent/config/config.h"
#include "agent/config/urls.h"

namespace shadowtap::config {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string complaint_about(const std::string& text) {
  const Result<Config> config = parse_config(text, "f.yaml");
  return config ? "was taken" : config.error().message();
}

std::string about_candidate(const std::string& keys) {
  return complaint_about("services:\n- {name: a, ports: [1], targets: {candidate: {" + keys + "}}}");
}

TEST(Secrets, NoComplaintAboutAHeaderQuotesItsValue) {
  for (const char* headers : {
           "set: {'Authorization ': Bearer s3cret}",
           "set: {' Authorization': Bearer s3cret}",
           "set: {'Authorization Bearer s3cret': x}",
           "set: {'Authorization=Bearer s3cret': x}",
           "set: {'Authorization; s3cret': x}",
           "set: {'': s3cret}",
           "set: {Authorization: \"a\\r\\nX-Key: s3cret\"}",
           "set: {Authorization: [s3cret]}",
           "set: 'Authorization: s3cret'",
           "set: {Content-Length: s3cret}",
           "set: {X-Key: !s3cret}",
           "from_file: {'X-Key s3cret': /f}",
           "from_environment: {'X-Key ': s3cret}",
       }) {
    const std::string wrong = about_candidate("url: 'http://x', headers: {" + std::string(headers) + "}");
    EXPECT_THAT(wrong, Not(HasSubstr("was taken"))) << headers;
    EXPECT_THAT(wrong, Not(HasSubstr("s3cret"))) << headers;
  }
}

TEST(Secrets, TheNameIsStillSaid) {
  EXPECT_EQ(check_header("Authorization : Bearer s3cret"), "'Authorization…' is not a header ('Name: value')");
  EXPECT_EQ(check_header("Authorization Bearer s3cret"), "'Authorization…' is not a header ('Name: value')");
  EXPECT_EQ(check_header("X-Env"), "'X-Env' is not a header ('Name: value')");
  EXPECT_EQ(check_header("X-Shadowtap: 1"), "'X-Shadowtap' is ours to set");
  EXPECT_EQ(check_header("X-Env: a:b"), "");
}

TEST(Secrets, NoComplaintAboutAQueryQuotesItsValue) {
  for (const char* set : {"'': s3cret", "token: 's3 s3cret'", "'token s3cret': x"}) {
    const std::string wrong = about_candidate("url: 'http://x', query: {set: {" + std::string(set) + "}}");
    EXPECT_THAT(wrong, HasSubstr("give it encoded")) << set;
    EXPECT_THAT(wrong, Not(HasSubstr("s3cret"))) << set;
  }
}

TEST(Secrets, NoComplaintAboutAUrlQuotesItsUserOrQuery) {
  for (const char* url : {
           "http://user:s3cret@h:8080",
           "http://s3cret@h",
           "http://user:s3cret@",
           "http://user:s3cret@h:x",
           "http://user:s3cret /@h",
           "http://user:s3/cret@h/s3cret@h",
           "http://user:a@s3cret@h",
           "http//user:s3cret@h",
           "user:s3cret@h",
           "ftp://user:s3cret@h",
           "unix:user:s3cret@h",
           "http://h/?token=s3cret",
           "http://h/#s3cret",
       }) {
    EXPECT_THAT(check_target(url), Not(testing::IsEmpty())) << url;
    EXPECT_THAT(check_target(url), Not(HasSubstr("s3cret"))) << url;
    EXPECT_THAT(about_candidate("url: '" + std::string(url) + "'"), Not(HasSubstr("s3cret"))) << url;
  }
  EXPECT_EQ(check_url("http://user:s3cret@h:8080"), "") << "of an agent: a password may be its token";
}

TEST(Secrets, NoComplaintAboutAWebhookQuotesMoreThanItsHost) {
  for (const char* url : {
           "hooks.example/T0/s3cret",
           "https:/hooks.example/s3cret",
           "https://hooks.example:x/s3cret",
           "https://hooks.example/a s3cret",
           "https://hooks example/s3cret",
           "https://user:s3cret@hooks.example:x/",
           "https://user:s3/@s3cret",
           "https:///s3cret",
       }) {
    const std::string wrong = complaint_about("webhook: {url: '" + std::string(url) + "'}");
    EXPECT_THAT(wrong, HasSubstr("f.yaml:1:16: url: ")) << url;
    EXPECT_THAT(wrong, Not(HasSubstr("s3cret"))) << url;
  }
  EXPECT_THAT(check_webhook("https://hooks.example:x/s3cret"), HasSubstr("'https://hooks.example:x…'"));
}

TEST(Secrets, NoComplaintAboutTheCommandLineQuotesOne) {
  const std::vector<std::vector<const char*>> all = {
      {"shadowtap", "run", "--set-header", "Authorization Bearer s3cret"},
      {"shadowtap", "run", "--set-header", "Authorization : Bearer s3cret"},
      {"shadowtap", "run", "--set-header", "X-Key:", "s3cret"},
      {"shadowtap", "run", "--set-header", "X-Key", "s3cret"},
      {"shadowtap", "run", "--set-header", "Authorization: Bearer", "s3cret"},
      {"shadowtap", "run", "--candidate", "http://user:s3cret@h:1"},
      {"shadowtap", "run", "--mirror", "http://user:s3cret@h:x"},
      {"shadowtap", "report", "--api", "http://user:s3cret@h:x"},
  };
  for (const auto& words : all) {
    const Command command = parse(static_cast<int>(words.size()), words.data());
    ASSERT_TRUE(std::holds_alternative<Usage>(command)) << words.back();
    EXPECT_EQ(std::get<Usage>(command).exit_code, 2);
    EXPECT_THAT(std::get<Usage>(command).text, Not(HasSubstr("s3cret")));
  }
}

}  // namespace
}  // namespace shadowtap::config
