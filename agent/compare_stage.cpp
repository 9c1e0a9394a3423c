#include "agent/compare_stage.h"

#include <algorithm>
#include <functional>
#include <set>

#include "agent/base/text.h"
#include "agent/http/decode.h"
#include "agent/http/hasher.h"

namespace shadowtap {
namespace {

constexpr std::size_t kMaxDecodedBytes = 64 << 20;

std::string_view path_of(std::string_view target) { return target.substr(0, target.find('?')); }

// A response with its body decoded and its header lines as views, for one comparison.
class Readable {
 public:
  Readable(const http::Response& response, bool head) {
    lines(response.headers, headers_);
    lines(response.trailers, trailers_);
    view_.status = response.status;
    view_.head = head;
    view_.headers = headers_;
    view_.trailers = trailers_;
    view_.body = response.body.bytes;
    decode(response);
  }

  const diff::ResponseView& view() const { return view_; }
  diff::ResponseView without_body() const {
    diff::ResponseView view = view_;
    view.body = view.coding = {};
    return view;
  }

 private:
  static void lines(const http::HeaderList& from, std::vector<diff::HeaderLine>& to) {
    to.reserve(from.size());
    for (std::size_t i = 0; i < from.size(); ++i) to.push_back({from.name(i), from.value(i)});
  }

  // A body that cannot be decoded is compared as the bytes it is.
  void decode(const http::Response& response) {
    const auto coding = response.headers.find("Content-Encoding");
    if (!coding || coding->empty() || !response.body.whole()) return;
    http::DecodedBody decoded = http::decode_body(*coding, response.body.bytes, kMaxDecodedBytes);
    if (decoded.outcome != http::Decoding::kDecoded) return;
    decoded_ = std::move(decoded.bytes);
    view_.body = decoded_;
    view_.coding = *coding;
  }

  std::vector<diff::HeaderLine> headers_;
  std::vector<diff::HeaderLine> trailers_;
  std::string decoded_;
  diff::ResponseView view_;
};

// What is known of two bodies of which one may have been cut to its kept limit: beyond it only
// its length and hash are.
enum class Bodies : std::uint8_t { kSame, kDifferent, kUnknown };

std::optional<http::Sha256> hash_of(const http::Body& body) {
  if (body.sha256) return body.sha256;
  return body.whole() ? std::optional(http::sha256(body.bytes)) : std::nullopt;
}

// Whether other bytes are another content: not so where fields may be ignored, or packed anew.
bool is_opaque(const http::Response& response) {
  static constexpr std::string_view kTypes[] = {
      "image/", "audio/", "video/", "font/", "application/octet-stream", "application/pdf", "application/zip"};
  const std::string type = to_lower(response.headers.find("Content-Type").value_or(""));
  return !response.headers.find("Content-Encoding") &&
         std::any_of(std::begin(kTypes), std::end(kTypes),
                     [&](std::string_view begin) { return type.starts_with(begin); });
}

Bodies judge_bodies(const http::Response& left, const http::Response& right) {
  if (left.body.size == right.body.size) {
    const auto hash = hash_of(left.body);
    if (hash && hash == hash_of(right.body)) return Bodies::kSame;
  }
  return is_opaque(left) && is_opaque(right) ? Bodies::kDifferent : Bodies::kUnknown;
}

diff::Difference other_bytes(const http::Body& left, const http::Body& right) {
  diff::Difference difference;
  difference.path = "byte " + std::to_string(std::min(left.bytes.size(), right.bytes.size()));
  difference.aggregated = "byte *";
  difference.kind = diff::Kind::kBinary;
  difference.left = std::to_string(left.size) + " bytes";
  difference.right = std::to_string(right.size) + " bytes";
  return difference;
}

// Of two answers of which at least one was cut. nullopt: their bodies may be equal or not, and
// their status is the same.
std::optional<diff::Differences> differences_of_cut(const Readable& original, const Readable& answer,
                                                    const http::Response& left,
                                                    const http::Response& right,
                                                    const diff::RuleSet& rules) {
  diff::Differences found = diff::compare(original.without_body(), answer.without_body(), rules);
  const Bodies bodies = judge_bodies(left, right);
  if (bodies == Bodies::kDifferent) {
    found.all.push_back(other_bytes(left.body, right.body));
    found.equal = false;
  }
  if (bodies != Bodies::kUnknown) return found;
  // With another header alone it would count among the different, and never among the equal.
  if (left.status == right.status) return std::nullopt;
  found.notes.push_back("the bodies differ, and were not compared: one is longer than what is kept");
  return found;
}

std::optional<diff::Differences> differences(const Readable& original, const http::Response& left,
                                             const http::Response& right, bool head,
                                             const diff::RuleSet& rules) {
  const Readable answer(right, head);
  if (left.body.whole() && right.body.whole()) return diff::compare(original.view(), answer.view(), rules);
  return differences_of_cut(original, answer, left, right, rules);
}

std::uint64_t combine(std::uint64_t seed, std::string_view bytes) {
  const std::uint64_t hash = std::hash<std::string_view>{}(bytes);
  return seed ^ (hash + 0x9e3779b97f4a7c15 + (seed << 6) + (seed >> 2));
}

std::uint64_t request_key(const http::Request& request, const std::string& cluster_header) {
  std::uint64_t key = combine(0, request.method);
  key = combine(key, request.target);
  key = combine(key, request.body.bytes);
  if (cluster_header.empty()) return key;
  return combine(key, request.headers.find(cluster_header).value_or(""));
}

results::Comparison facts_of(const http::Exchange& exchange, Duration to_wall) {
  results::Comparison comparison;
  comparison.method = exchange.request.method;
  comparison.target = exchange.request.target;
  comparison.time = WallTime(exchange.request_last.time_since_epoch() + to_wall);
  if (exchange.original) {
    comparison.original_status = exchange.original->status;
    comparison.original_first_byte = exchange.response_first - exchange.request_last;
    comparison.original_last_byte = exchange.response_last - exchange.request_last;
    comparison.original_hash =
        combine(static_cast<std::uint64_t>(exchange.original->status), exchange.original->body.bytes);
  }
  return comparison;
}

void drop_body(http::Body& body) {
  body.bytes.clear();
  body.bytes.shrink_to_fit();
}

}  // namespace

Result<std::shared_ptr<const CompareRules>> CompareRules::make(const diff::Rules& rules) {
  auto made = std::make_shared<CompareRules>();
  std::string error;
  made->all_ = diff::RuleSet::compile(rules, "", error);
  if (!made->all_) return plain_error(error);

  std::set<std::string> routes;
  for (const auto& rule : rules.ignore) routes.insert(rule.route);
  for (const auto& rule : rules.unordered) routes.insert(rule.route);
  for (const auto& rule : rules.tolerance) routes.insert(rule.route);
  for (const auto& rule : rules.pattern) routes.insert(rule.route);
  routes.erase("");
  for (const std::string& route : routes) {
    auto compiled = diff::RuleSet::compile(rules, route, error);
    if (!compiled) return plain_error(error);
    made->routes_.push_back({route, std::move(compiled)});
  }
  return std::shared_ptr<const CompareRules>(std::move(made));
}

const diff::RuleSet& CompareRules::for_target(std::string_view target) const {
  for (const ForRoute& candidate : routes_) {
    if (fits_route(target, candidate.route)) return *candidate.rules;
  }
  return *all_;
}

bool fits_route(std::string_view target, std::string_view route) {
  std::string_view path = path_of(target);
  while (true) {
    const auto path_end = path.find('/');
    const auto route_end = route.find('/');
    const std::string_view wanted = route.substr(0, route_end);
    const bool any = wanted.size() >= 2 && wanted.front() == '{' && wanted.back() == '}';
    const std::string_view segment = path.substr(0, path_end);
    if (any ? segment.empty() : segment != wanted) return false;
    if (path_end == std::string_view::npos || route_end == std::string_view::npos) {
      return path_end == route_end;
    }
    path.remove_prefix(path_end + 1);
    route.remove_prefix(route_end + 1);
  }
}

std::size_t CompareJob::body_bytes() const {
  std::size_t sum = candidate.response.body.bytes.size();
  if (exchange.original) sum += exchange.original->body.bytes.size();
  if (secondary) sum += secondary->response.body.bytes.size();
  return sum;
}

results::Comparison compare_exchange(CompareJob job, const CompareRules& rules) {
  const http::Response& original = *job.exchange.original;
  const bool head = job.exchange.request.method == "HEAD";
  const diff::RuleSet& rule_set = rules.for_target(job.exchange.request.target);
  const Readable left(original, head);

  auto found = differences(left, original, job.candidate.response, head, rule_set);
  if (!found) return without_comparison(std::move(job.exchange), http::NotComparable::kBodyCut, job.to_wall);
  results::Compared compared;
  compared.candidate = std::move(*found);
  results::Comparison comparison = facts_of(job.exchange, job.to_wall);
  comparison.candidate_status = job.candidate.response.status;
  if (job.secondary && job.secondary->ok()) {
    comparison.secondary_status = job.secondary->response.status;
    compared.control = differences(left, original, job.secondary->response, head, rule_set);
    comparison.secondary_speaks =
        std::chrono::abs(job.secondary->sent - job.candidate.sent) <= job.max_skew;
  }
  comparison.request_key = request_key(job.exchange.request, job.cluster_header);
  comparison.secondary_asked = job.secondary_asked;

  const bool worth_keeping = job.keep_bodies || !compared.candidate.equal ||
                             (compared.control && !compared.control->equal);
  if (!worth_keeping) {
    drop_body(job.exchange.request.body);
    drop_body(job.exchange.original->body);
    drop_body(job.candidate.response.body);
    if (job.secondary) drop_body(job.secondary->response.body);
  }
  comparison.exchange = std::move(job.exchange);
  comparison.candidate = std::move(job.candidate);
  comparison.secondary = std::move(job.secondary);
  comparison.ending = std::move(compared);
  return comparison;
}

results::Comparison without_answer(CompareJob job, const results::ShadowError& error) {
  const std::uint64_t key = request_key(job.exchange.request, job.cluster_header);
  results::Comparison comparison = without_comparison(std::move(job.exchange), error, job.to_wall);
  comparison.request_key = key;
  comparison.secondary_asked = job.secondary_asked;
  if (job.secondary) comparison.secondary_status = job.secondary->response.status;
  comparison.candidate = std::move(job.candidate);
  comparison.secondary = std::move(job.secondary);
  return comparison;
}

results::Comparison without_comparison(http::Exchange exchange, results::Ending ending,
                                       Duration to_wall) {
  results::Comparison comparison = facts_of(exchange, to_wall);
  comparison.exchange = std::move(exchange);
  if (!std::holds_alternative<results::ShadowError>(ending)) {
    drop_body(comparison.exchange.request.body);
    if (comparison.exchange.original) drop_body(comparison.exchange.original->body);
  }
  comparison.ending = std::move(ending);
  return comparison;
}

}  // namespace shadowtap
