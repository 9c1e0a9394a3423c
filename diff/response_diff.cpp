#include "diff/response_diff.h"

#include <algorithm>

#include "diff/body_diff.h"
#include "diff/charset.h"
#include "diff/header_diff.h"
#include "diff/named_diff.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

ContentType content_type(const ResponseView& response) {
  return parse_content_type(header_value(response.headers, "content-type"));
}

bool same_content_type(const ResponseView& left, const ResponseView& right) {
  return header_value(left.headers, "content-type") ==
         header_value(right.headers, "content-type");
}

// One side's body, as text in UTF-8 where it is text.
struct Body {
  explicit Body(const ResponseView& response)
      : type(content_type(response)), bytes(response.body) {
    media = media_of(type, bytes);
    if (media == Media::kBinary || type.charset.empty()) return;
    if (auto text = to_utf8(bytes, type.charset)) {
      is_utf8 = true;
      transcoded = std::move(*text);
      bytes = transcoded;
      media = media_of(type, bytes);
    }
  }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  ContentType type;
  std::string transcoded;
  std::string_view bytes;
  bool is_utf8 = false;  // by decoding
  Media media = Media::kText;
};

void diff_status(const ResponseView& left, const ResponseView& right,
                 const RuleSet::Compiled& rules, Report& report) {
  if (left.status == 0 || right.status == 0) return;
  const std::string l = std::to_string(left.status);
  const std::string r = std::to_string(right.status);
  NamedDiff(RulePath::Into::kStatus, rules, report)
      .compare("", l, r, left.status == right.status, Kind::kStatus);
}

// As documents of one kind. Returns what they were compared as.
Media diff_documents(const Body& left, const Body& right, const RuleSet::Compiled& rules,
                     Report& report) {
  const BodyPair bodies{left.bytes, right.bytes, left.is_utf8, right.is_utf8};
  const Media media = left.media;
  BodyCompared compared = BodyCompared::kNotIt;
  if (left.media == Media::kJson || right.media == Media::kJson) {
    compared = diff_json_bodies(bodies, false, rules, report);
    if (compared == BodyCompared::kDone) return Media::kJson;
  } else if (left.media == right.media) {
    switch (media) {
      case Media::kNdjson: compared = diff_json_bodies(bodies, true, rules, report); break;
      case Media::kXml: compared = diff_markup(bodies, false, rules, report); break;
      case Media::kHtml: compared = diff_markup(bodies, true, rules, report); break;
      case Media::kMultipart:
        compared = diff_multipart(bodies, left.type.boundary, right.type.boundary, rules, report);
        break;
      case Media::kForm:
        diff_form(bodies, rules, report);
        compared = BodyCompared::kDone;
        break;
      default: break;
    }
    if (compared == BodyCompared::kDone) return media;
  }
  const auto is_raw = [](const Body& body) {
    return body.media == Media::kBinary ||
           (body.media != Media::kText && sniff(body.bytes) == Media::kBinary);
  };
  if (is_raw(left) || is_raw(right)) {
    diff_binary(bodies, rules, report);
    return Media::kBinary;
  }
  if (media != Media::kText || right.media != Media::kText) {
    report.note(left.media == right.media
                    ? "not both are " + std::string(to_string(media)) + "; compared as text"
                    : "of two media types; compared as text");
  }
  diff_text(bodies, rules, report);
  return Media::kText;
}

std::string coding_of(const ResponseView& response) {
  std::string coding = to_lower(header_value(response.headers, "content-encoding"));
  if (coding.empty()) coding = to_lower(response.coding);
  return coding == "identity" ? "" : coding;
}

// What is only about the way the content is written down: `encoding` where the content is
// equal, else the header's difference.
void diff_codings(const ResponseView& left, const ResponseView& right, bool equal_content,
                  const RuleSet::Compiled& rules, Report& report) {
  NamedDiff named(RulePath::Into::kHeader, rules, report);
  const auto is_ignored = [&](std::string_view name) {
    const auto& names = rules.ignored_headers;
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const auto compare = [&](std::string_view name, const std::string& l, const std::string& r) {
    if (l == r || is_ignored(name)) return;
    if (equal_content) return named.compare(name, l, r, false, Kind::kEncoding);
    const auto side = [](const std::string& text) {
      return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
    };
    named.compare(name, side(l), side(r), false);
  };
  compare("content-encoding", coding_of(left), coding_of(right));
  if (same_content_type(left, right) || is_ignored("content-type")) return;
  const ContentType l = content_type(left);
  const ContentType r = content_type(right);
  // Another type is a difference of its own, and reported.
  if (l.essence != r.essence || l.charset == r.charset) return;
  named.compare("content-type", l.charset, r.charset, false,
                equal_content ? Kind::kEncoding : Kind::kValue);
}

Media diff_bodies(const ResponseView& left, const ResponseView& right,
                  const RuleSet::Compiled& rules, Report& report) {
  if (left.body == right.body) {
    const auto type = content_type(left);
    const bool same = same_content_type(left, right) || type.charset == content_type(right).charset;
    if (same) return media_of(type, left.body.substr(0, 64));
  }
  const Body l(left);
  const Body r(right);
  if (l.bytes == r.bytes) return l.media;
  return diff_documents(l, r, rules, report);
}

// To the byte: then no rule took anything.
bool identical(const ResponseView& left, const ResponseView& right) {
  const auto same = [](std::span<const HeaderLine> l, std::span<const HeaderLine> r) {
    return std::equal(l.begin(), l.end(), r.begin(), r.end(), [](const auto& a, const auto& b) {
      return a.name == b.name && a.value == b.value;
    });
  };
  return left.status == right.status && left.body == right.body && left.coding == right.coding &&
         same(left.headers, right.headers) && same(left.trailers, right.trailers);
}

Differences compare_once(const ResponseView& left, const ResponseView& right,
                         const RuleSet::Compiled& rules, const Budget& budget,
                         const MapLikePaths* map_like) {
  Differences result;
  Report report(result, budget, map_like);
  diff_status(left, right, rules, report);
  diff_headers(left.headers, right.headers, {RulePath::Into::kHeader, left.head && right.head},
               rules, report);
  const std::size_t before = report.found();
  result.media = diff_bodies(left, right, rules, report);
  const bool equal_content = report.found() == before && !result.truncated;
  diff_codings(left, right, equal_content, rules, report);
  diff_headers(left.trailers, right.trailers, {RulePath::Into::kTrailer, false}, rules, report);
  result.equal = result.all.empty() && !result.truncated;
  return result;
}

}  // namespace

Media media_of(const ResponseView& response) {
  return media_of(content_type(response), response.body);
}

Differences compare(const ResponseView& left, const ResponseView& right, const RuleSet& rules,
                    const Budget& budget, const MapLikePaths* map_like) {
  Differences result = compare_once(left, right, rules.compiled(), budget, map_like);
  if (result.equal && !rules.compiled().empty() && !identical(left, right)) {
    static const auto kNoRules = RuleSet::none();
    Budget one = budget;
    one.max_differences = 1;
    result.ignored = !compare_once(left, right, kNoRules->compiled(), one, nullptr).equal;
  }
  return result;
}

}  // namespace shadowtap::diff
