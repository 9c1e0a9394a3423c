// The description of the API against the API: every call is in it, and every answer is of
// the shape it says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/unit/api/fakes.h"

namespace shadowtap::api {
namespace {

namespace json = boost::json;

// The part of JSON Schema 2020-12 that the document uses.
class Checker {
 public:
  explicit Checker(const json::value& document) : document_(document) {}

  void check(const json::value& value, const json::object& schema, const std::string& at) {
    if (const json::value* ref = schema.if_contains("$ref")) {
      const std::string pointer(ref->as_string().subview(1));
      return check(value, document_.at_pointer(pointer).as_object(), at);
    }
    if (const json::value* any = schema.if_contains("anyOf")) return check_any(value, *any, at);
    if (const json::value* type = schema.if_contains("type")) {
      if (!has_type(value, *type)) return complain(at, "is not of type " + json::serialize(*type));
    }
    if (const json::value* words = schema.if_contains("enum")) {
      const auto& list = words->as_array();
      if (std::find(list.begin(), list.end(), value) == list.end()) complain(at, "is not in the enum");
    }
    if (value.is_array() && schema.contains("items")) {
      for (const json::value& item : value.get_array()) {
        check(item, schema.at("items").as_object(), at + "[]");
      }
    }
    if (value.is_object()) check_object(value.get_object(), schema, at);
  }

  std::vector<std::string> complaints;

 private:
  void check_any(const json::value& value, const json::value& any, const std::string& at) {
    for (const json::value& schema : any.as_array()) {
      Checker one(document_);
      one.check(value, schema.as_object(), at);
      if (one.complaints.empty()) return;
    }
    complain(at, "fits none of anyOf");
  }
  void check_object(const json::object& value, const json::object& schema, const std::string& at) {
    static const json::object kNone;
    const json::value* properties = schema.if_contains("properties");
    const json::object& known = properties ? properties->as_object() : kNone;
    if (const json::value* required = schema.if_contains("required")) {
      for (const json::value& name : required->as_array()) {
        if (!value.contains(name.as_string())) complain(at, "lacks " + json::serialize(name));
      }
    }
    for (const auto& member : value) {
      const std::string place = at + "." + std::string(member.key());
      if (const json::value* property = known.if_contains(member.key())) {
        check(member.value(), property->as_object(), place);
      } else if (const json::value* more = schema.if_contains("additionalProperties")) {
        if (more->is_object()) check(member.value(), more->get_object(), place);
        if (more->is_bool() && !more->get_bool()) complain(place, "is not documented");
      }
    }
  }
  static bool is_type(const json::value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    return value.is_number();
  }
  static bool has_type(const json::value& value, const json::value& type) {
    if (type.is_string()) return is_type(value, type.get_string());
    const auto& list = type.as_array();
    return std::any_of(list.begin(), list.end(),
                       [&](const json::value& t) { return is_type(value, t.as_string()); });
  }
  void complain(const std::string& at, const std::string& what) {
    complaints.push_back(at + " " + what);
  }

  const json::value& document_;
};

class OpenApiTest : public ::testing::Test, public Fixture {
 protected:
  // The answer's schema for that status, and the check of the answer against it.
  void expect_documented(const std::string& method, const std::string& path,
                         const std::string& target, const std::string& body = {}) {
    const Response response = call(method, target, body, body.empty() ? "" : "application/json");
    std::string verb = method;
    std::transform(verb.begin(), verb.end(), verb.begin(), [](char c) { return static_cast<char>(c | 32); });
    const json::object& responses = document.at("paths").at(path).at(verb).at("responses").as_object();
    const json::value* documented = responses.if_contains(std::to_string(response.status));
    if (!documented && response.status >= 400) documented = responses.if_contains("default");
    ASSERT_NE(documented, nullptr) << method << " " << target << " " << response.status;
    if (response.body.empty()) return;
    const std::string type = response.content_type.substr(0, response.content_type.find(';'));
    const json::value* content = documented->at("content").as_object().if_contains(type);
    ASSERT_NE(content, nullptr) << method << " " << target << " " << type;
    if (!type.ends_with("json")) return;
    Checker checker(document);
    checker.check(json::parse(response.body), content->at("schema").as_object(), target);
    EXPECT_THAT(checker.complaints, ::testing::IsEmpty()) << response.body;
  }

  json::value document = get("/api/v1/openapi.json");
};

TEST_F(OpenApiTest, DocumentsEveryCallAndNoOther) {
  std::set<std::string> served, documented;
  for (const std::string& call : router.calls()) {
    if (call.find(" /web/") == std::string::npos) served.insert(call);
  }
  for (const auto& path : document.at("paths").as_object()) {
    for (const auto& operation : path.value().as_object()) {
      std::string method(operation.key());
      std::transform(method.begin(), method.end(), method.begin(), [](char c) { return static_cast<char>(c & ~32); });
      documented.insert(method + " " + std::string(path.key()));
    }
  }
  EXPECT_EQ(documented, served);
}

TEST_F(OpenApiTest, TheCheckerSeesWhatIsMissingWrongOrNew) {
  json::value ready = json::parse(R"({"ready": 1, "state": "asleep", "more": true})");
  Checker checker(document);
  checker.check(ready, document.at_pointer("/components/schemas/Ready").as_object(), "$");
  EXPECT_THAT(checker.complaints,
              ::testing::UnorderedElementsAre("$ lacks \"reasons\"",
                                              "$.ready is not of type \"boolean\"",
                                              "$.state is not in the enum",
                                              "$.more is not documented"));
}

TEST_F(OpenApiTest, EveryAnswerIsAsDocumented) {
  const std::string api = "/api/v1";
  for (const char* path : {"/healthz", "/readyz", "/metrics", "/", "/api/v1/status", "/api/v1/coverage",
                           "/api/v1/impact", "/api/v1/endpoints", "/api/v1/diffs", "/api/v1/verdict",
                           "/api/v1/report", "/api/v1/openapi.json"}) {
    expect_documented("GET", path, path);
  }
  expect_documented("GET", api + "/endpoints/{id}/fields", api + "/endpoints/e%2F1/fields");
  expect_documented("GET", api + "/endpoints/{id}/fields", api + "/endpoints/none/fields");
  expect_documented("GET", api + "/diffs/{id}", api + "/diffs/d1");
  expect_documented("GET", api + "/diffs", api + "/diffs?limit=0");
  expect_documented("GET", api + "/report", api + "/report?format=md");
  expect_documented("GET", api + "/report", api + "/report?format=junit");
  for (const char* call : {"/gate", "/pause", "/resume"}) {
    expect_documented("POST", api + call, api + call);
    expect_documented("POST", api + call, api + call + "?service=none");
  }
  results.verdicts["orders"] = "fail";
  expect_documented("POST", api + "/gate", api + "/gate");
  expect_documented("POST", api + "/diffs/{id}/replay", api + "/diffs/redacted/replay");
  expect_documented("DELETE", api + "/results", api + "/results");
  const std::string service = api + "/services/{name}", orders = api + "/services/orders";
  expect_documented("GET", service + "/rules", orders + "/rules");
  expect_documented("PUT", service + "/rules", orders + "/rules", "{}");
  expect_documented("PUT", service + "/sampling", orders + "/sampling", R"({"samlpe":1})");
  expect_documented("GET", service + "/targets/{role}", orders + "/targets/candidate");
  expect_documented("DELETE", service + "/targets/{role}", orders + "/targets/candidate");
  control.not_ready = "not attached";
  expect_documented("GET", "/readyz", "/readyz");
}

TEST_F(OpenApiTest, AMiddlewareIsAsDocumented) {
  control.services_[0].middleware = shadow::MiddlewareStatus{true, 2, 3, 1, 4};
  expect_documented("GET", "/api/v1/status", "/api/v1/status");
}

}  // namespace
}  // namespace shadowtap::api
