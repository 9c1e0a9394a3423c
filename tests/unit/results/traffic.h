// A vocabulary for tests of results: comparisons as a shard would hand them over.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "agent/results/results.h"

namespace shadowtap::results::test {

using namespace std::chrono_literals;

inline constexpr WallTime kStart{Duration(std::chrono::seconds(1'750'000'000))};

inline diff::Difference differs(std::string path, diff::Kind kind, std::string left,
                                std::string right) {
  diff::Difference one;
  one.path = path;
  one.aggregated = std::move(path);
  one.kind = kind;
  one.left = std::move(left);
  one.right = std::move(right);
  return one;
}

inline diff::Differences all_of(std::vector<diff::Difference> differences) {
  diff::Differences all;
  all.equal = differences.empty();
  all.all = std::move(differences);
  return all;
}

// An exchange on a service, answered by all; what differs is said afterwards.
struct Made {
  Comparison comparison;

  Made(std::string method, std::string target, WallTime time, std::uint64_t key) {
    comparison.method = std::move(method);
    comparison.target = std::move(target);
    comparison.time = time;
    comparison.request_key = key;
    comparison.original_status = comparison.candidate_status = 200;
    comparison.original_last_byte = 2ms;
    comparison.candidate = answer(200, 2ms);
    comparison.ending = Compared{};
  }

  static http::Answer answer(int status, Duration time) {
    http::Answer made;
    made.response.status = status;
    made.to_first_byte = made.to_last_byte = time;
    return made;
  }
  Compared& compared() { return std::get<Compared>(comparison.ending); }

  Made& candidate(std::vector<diff::Difference> differences) {
    compared().candidate = all_of(std::move(differences));
    return *this;
  }
  Made& secondary(std::vector<diff::Difference> differences, Duration time = 2ms) {
    compared().control = all_of(std::move(differences));
    comparison.secondary = answer(200, time);
    comparison.secondary_asked = comparison.secondary_speaks = true;
    return *this;
  }
  // With a JSON body, as a shard keeps it where it may be a later exchange's control.
  Made& original(const std::string& body) {
    http::Response& response = comparison.exchange.original.emplace();
    response.status = 200;
    response.headers.append("Content-Type", "application/json");
    response.body.bytes = body;
    response.body.size = body.size();
    comparison.original_hash = std::hash<std::string>{}(body) | 1;
    return *this;
  }
  // No answer at all, of either.
  Made& candidate_fails(http::AnswerError error) {
    comparison.ending = ShadowError{error};
    comparison.candidate_status = 0;
    comparison.candidate = http::Answer{};
    comparison.candidate->error = error;
    comparison.secondary_speaks = false;
    return *this;
  }
  Made& secondary_fails(http::AnswerError error) {
    comparison.secondary_asked = true;
    comparison.secondary_speaks = false;
    comparison.secondary = http::Answer{};
    comparison.secondary->error = error;
    if (auto* both = std::get_if<Compared>(&comparison.ending)) both->control.reset();
    return *this;
  }
  Made& candidate_takes(Duration time) {
    comparison.candidate->to_last_byte = time;
    return *this;
  }
  Made& status(int original, int candidate) {
    comparison.original_status = original;
    comparison.candidate_status = candidate;
    comparison.candidate->response.status = candidate;
    return *this;
  }
};

inline ResultsOptions one_service() {
  ResultsOptions options;
  ServiceOptions service;
  service.name = "shop";
  service.noise.constant_pairs = 20;
  service.noise.constant_time = 5s;
  options.services.push_back(std::move(service));
  return options;
}

}  // namespace shadowtap::results::test
