#include "agent/shadow/outgoing.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "agent/base/text.h"
#include "agent/shadow/filter.h"
#include "agent/shadow/hash.h"
#include "agent/shadow/path_forms.h"
#include "agent/shadow/trace.h"

namespace shadowtap::shadow {
namespace {

// RFC 9110 section 7.6.1 and what proxies add to it. Trailer and Transfer-Encoding come
// back where the body is chunked again.
constexpr std::array<std::string_view, 8> kHopByHop{
    "connection", "keep-alive",          "proxy-connection",   "te",
    "upgrade",    "proxy-authorization", "proxy-authenticate", "http2-settings"};

bool is_one_of(std::string_view name, const auto& names) {
  return std::any_of(std::begin(names), std::end(names),
                     [name](const auto& known) { return equal_ignoring_case(name, known); });
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string edit_query(std::string_view target, const std::vector<NameValue>& set,
                       const std::vector<std::string>& removed) {
  const auto question = target.find('?');
  std::string out(target.substr(0, question));
  char separator = '?';
  const auto append = [&](std::string_view pair) {
    out.push_back(separator);
    out.append(pair);
    separator = '&';
  };
  std::vector<bool> done(set.size());
  std::string_view rest = question == std::string_view::npos ? "" : target.substr(question + 1);
  while (!rest.empty()) {
    const auto ampersand = rest.find('&');
    const std::string_view pair = rest.substr(0, ampersand);
    const std::string_view name = pair.substr(0, pair.find('='));
    rest = ampersand == std::string_view::npos ? "" : rest.substr(ampersand + 1);
    if (std::find(removed.begin(), removed.end(), name) != removed.end()) continue;
    const auto change = std::find_if(
        set.begin(), set.end(), [name](const NameValue& entry) { return entry.name == name; });
    if (change == set.end()) {
      append(pair);
      continue;
    }
    const auto index = static_cast<std::size_t>(change - set.begin());
    if (!done[index]) append(change->name + "=" + change->value);
    done[index] = true;
  }
  for (std::size_t i = 0; i < set.size(); ++i) {
    if (!done[i]) append(set[i].name + "=" + set[i].value);
  }
  return out;
}

Result<std::string> read_secret(const SecretHeader& secret) {
  if (secret.file.empty()) {
    const char* value = std::getenv(secret.environment.c_str());
    if (value != nullptr) return std::string(value);
    return plain_error("header " + secret.name + ": no environment variable " +
                       secret.environment);
  }
  std::ifstream file(secret.file);
  if (!file) return errno_error("header " + secret.name + ": read " + secret.file);
  std::string value{std::istreambuf_iterator<char>(file), {}};
  while (!value.empty() && (value.back() == '\n' || value.back() == '\r')) value.pop_back();
  return value;
}

constexpr std::array<std::string_view, 3> kOurs{"content-length", "transfer-encoding",
                                                kShadowHeader};

bool breaks_request_line(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == '\x7f';
  });
}

constexpr std::size_t kMaxAliasedBody = 64 << 10;

bool may_alias_body(const http::Request& request) {
  return !request.body.bytes.empty() && request.body.bytes.size() <= kMaxAliasedBody &&
         !request.headers.find("content-encoding");
}

void append_chunked_body(std::string& out, std::string_view body,
                         const http::Request& request) {
  if (!body.empty()) {
    fmt::format_to(std::back_inserter(out), "{:x}\r\n", body.size());
    out.append(body).append("\r\n");
  }
  out.append("0\r\n");
  for (std::size_t i = 0; i < request.trailers.size(); ++i) {
    append_line(out, request.trailers.name(i), request.trailers.value(i));
  }
  out.append("\r\n");
}

}  // namespace

struct Outgoing::Rewrite {
  std::unique_ptr<re2::RE2> pattern;
  std::string replacement;
};

Outgoing::Outgoing() = default;
Outgoing::Outgoing(Outgoing&&) noexcept = default;
Outgoing& Outgoing::operator=(Outgoing&&) noexcept = default;
Outgoing::~Outgoing() = default;

Result<Outgoing> Outgoing::create(const TargetOptions& options, const TargetUrl& url,
                                  Trace trace) {
  Outgoing out;
  out.role_ = options.role;
  out.base_ = url.base;
  out.authority_ = url.authority();
  out.original_host_ = options.original_host;
  out.trace_ = trace;
  out.set_headers_ = options.set_headers;
  out.remove_headers_ = options.remove_headers;
  out.set_query_ = options.set_query;
  out.remove_query_ = options.remove_query;
  if (auto taken = out.take_rewrites(options); !taken) return taken.error();
  if (auto read = out.read_secrets(options); !read) return read.error();
  if (auto checked = out.check_query(); !checked) return checked.error();
  if (auto checked = out.check_headers(); !checked) return checked.error();
  return out;
}

Result<> Outgoing::take_rewrites(const TargetOptions& options) {
  for (const UrlRewrite& rewrite : options.rewrite) {
    re2::RE2::Options quiet;
    quiet.set_log_errors(false);
    auto pattern = std::make_unique<re2::RE2>(rewrite.pattern, quiet);
    std::string why = pattern->error();
    if (!pattern->ok() || !pattern->CheckRewriteString(rewrite.replacement, &why)) {
      return plain_error("rewrite '" + rewrite.pattern + "': " + why);
    }
    if (breaks_request_line(rewrite.replacement)) {
      return plain_error("rewrite '" + rewrite.pattern +
                         "': the replacement has a space or control character");
    }
    rewrites_.push_back({std::move(pattern), rewrite.replacement});
  }
  return {};
}

Result<> Outgoing::check_query() const {
  for (const NameValue& pair : set_query_) {
    if (!pair.name.empty() && !breaks_request_line(pair.name + pair.value)) continue;
    return plain_error("query '" + pair.name +
                       "' is empty, or has a space or control character: give it encoded (%20)");
  }
  return {};
}

// Framing and our own mark are made here: a wrong length would make one request two.
Result<> Outgoing::check_headers() const {
  for (const NameValue& line : set_headers_) {
    if (line.name.empty() ||
        (line.name + line.value).find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      return plain_error("header '" + line.name + "' is empty or has a line break");
    }
    if (is_one_of(line.name, kOurs)) {
      return plain_error("header '" + line.name + "' is ours to set");
    }
  }
  return {};
}

Result<> Outgoing::read_secrets(const TargetOptions& options) {
  for (const SecretHeader& secret : options.secret_headers) {
    auto value = read_secret(secret);
    if (!value) return value.error();
    set_headers_.push_back({secret.name, std::move(*value)});
  }
  return {};
}

std::string Outgoing::compose(const http::Request& request, std::string_view target,
                              http::ExchangeId id, const Substitution* aliases) const {
  if (aliases != nullptr && aliases->empty()) aliases = nullptr;
  std::string out;
  out.reserve(256 + request.headers.bytes() + base_.size() + target.size() +
              request.body.bytes.size());
  out.append(request.method).append(" ");
  if (target != "*") out.append(base_);
  out.append(target).append(request.version.minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  std::string aliased;
  std::string_view body = request.body.bytes;
  if (aliases != nullptr && may_alias_body(request)) body = aliased = aliases->apply(body);
  append_headers(out, request, body.size(), id, aliases);
  out.append("\r\n");
  if (request.chunked) {
    append_chunked_body(out, body, request);
  } else {
    out.append(body);
  }
  return out;
}

std::string Outgoing::target_of(const http::Request& request,
                                const Substitution* aliases) const {
  if (request.target == "*") return "*";  // OPTIONS of the server as a whole
  std::string target(base_.empty() && original_host_ ? std::string_view(request.target)
                                                     : without_origin(request.target));
  bool changed = false;
  for (const Rewrite& rewrite : rewrites_) {
    changed = re2::RE2::Replace(&target, *rewrite.pattern, rewrite.replacement);
    if (changed) break;
  }
  if (!set_query_.empty() || !remove_query_.empty()) {
    target = edit_query(target, set_query_, remove_query_);
  }
  if (aliases != nullptr && !aliases->empty()) target = aliases->apply(target);
  if (target.starts_with('?') || (changed && !target.starts_with('/'))) target.insert(0, "/");
  return target;
}

bool Outgoing::left_out(std::string_view name, const http::Request& request) const {
  if (is_one_of(name, kHopByHop) || is_one_of(name, remove_headers_)) return true;
  if (trace_ == Trace::kDrop && is_trace_header(name)) return true;
  const bool framing =
      equal_ignoring_case(name, "trailer") || equal_ignoring_case(name, "transfer-encoding");
  if (framing) return !request.chunked;
  if (equal_ignoring_case(name, "content-length")) return request.chunked;
  return request.headers.has_token("connection", name);
}

void Outgoing::append_headers(std::string& out, const http::Request& request,
                              std::size_t body_size, http::ExchangeId id,
                              const Substitution* aliases) const {
  std::vector<bool> set(set_headers_.size());
  bool host = false;
  bool framed = false;
  for (std::size_t i = 0; i < request.headers.size(); ++i) {
    const std::string_view name = request.headers.name(i);
    std::string_view value = request.headers.value(i);
    const auto change = std::find_if(
        set_headers_.begin(), set_headers_.end(),
        [name](const NameValue& line) { return equal_ignoring_case(line.name, name); });
    if (change != set_headers_.end()) {
      const auto index = static_cast<std::size_t>(change - set_headers_.begin());
      if (!set[index]) append_line(out, name, change->value);
      set[index] = true;
      host |= equal_ignoring_case(name, "host");
      continue;
    }
    if (left_out(name, request)) continue;
    if (equal_ignoring_case(name, "host")) {
      if (!host) append_line(out, name, original_host_ ? value : std::string_view(authority_));
      host = true;
    } else if (equal_ignoring_case(name, "transfer-encoding")) {
      if (!framed) append_line(out, name, "chunked");
      framed = true;
    } else if (equal_ignoring_case(name, "content-length")) {
      if (!framed) append_line(out, name, std::to_string(body_size));
      framed = true;
    } else if (trace_ == Trace::kNew && is_trace_header(name)) {
      const auto fresh = new_trace_value(name, value, mix(id) + static_cast<unsigned>(role_));
      if (fresh) append_line(out, name, *fresh);
    } else if (aliases != nullptr) {
      const bool cookie = equal_ignoring_case(name, "cookie");
      append_line(out, name, cookie ? aliases->apply_cookies(value) : aliases->apply(value));
    } else {
      append_line(out, name, value);
    }
  }
  for (std::size_t i = 0; i < set_headers_.size(); ++i) {
    if (!set[i]) append_line(out, set_headers_[i].name, set_headers_[i].value);
    host |= equal_ignoring_case(set_headers_[i].name, "host");
  }
  if (!host && request.version.minor != 0) append_line(out, "Host", authority_);
  if (!framed && request.chunked) append_line(out, "Transfer-Encoding", "chunked");
  if (!framed && !request.chunked && body_size != 0) {
    append_line(out, "Content-Length", std::to_string(body_size));
  }
  if (request.version.minor == 0) append_line(out, "Connection", "keep-alive");
  fmt::format_to(std::back_inserter(out), "{}: {:x}\r\n", kShadowHeader, id);
}

}  // namespace shadowtap::shadow
