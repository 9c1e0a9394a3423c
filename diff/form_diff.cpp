// Form fields by name: urlencoded (WHATWG URL, section 5) and multipart (RFC 7578, 2046).
#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "diff/body_diff.h"
#include "diff/header_diff.h"
#include "diff/named_diff.h"
#include "diff/text.h"

namespace shadowtap::diff {
namespace {

struct Field {
  std::string name;
  std::string value;
  std::string type;  // of a part
  std::string file;
  std::map<std::string, std::string> headers;  // of a part: the others, lower-case names
};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c = lower(c);
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 &&
        hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::vector<Field> parse_form(std::string_view body) {
  std::vector<Field> fields;
  while (!body.empty()) {
    const auto end = std::min(body.find('&'), body.size());
    const std::string_view pair = body.substr(0, end);
    body.remove_prefix(std::min(end + 1, body.size()));
    if (pair.empty()) continue;
    const auto equals = std::min(pair.find('='), pair.size());
    fields.push_back({decoded(pair.substr(0, equals)),
                      decoded(pair.substr(std::min(equals + 1, pair.size()))), "", "", {}});
  }
  return fields;
}

std::string parameter(std::string_view header, std::string_view name) {
  for (const auto part : split(header, ';')) {
    const auto equals = part.find('=');
    if (equals == part.npos || !equal_ignoring_case(trim(part.substr(0, equals)), name)) {
      continue;
    }
    std::string_view value = trim(part.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    return std::string(value);
  }
  return {};
}

// Without name and filename: those are compared by themselves.
std::string bare_disposition(std::string_view value) {
  std::string bare;
  for (const auto part : split(value, ';')) {
    const auto equals = part.find('=');
    const std::string name = to_lower(trim(part.substr(0, equals)));
    if (name == "name" || name == "filename") continue;
    if (!bare.empty()) bare += "; ";
    bare += equals == part.npos ? name : std::string(part);
  }
  return bare;
}

// False: it is none.
bool add_header(Field& field, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == line.npos) return false;
  const std::string name = to_lower(trim(line.substr(0, colon)));
  const std::string_view value = trim(line.substr(colon + 1));
  if (name == "content-disposition") {
    field.name = parameter(value, "name");
    field.file = parameter(value, "filename");
    field.headers[name] = bare_disposition(value);
  } else if (name == "content-type") {
    field.type = to_lower(value);
  } else if (name != "content-length") {  // the value says it
    std::string& values = field.headers[name];
    if (!values.empty()) values += ", ";
    values += value;
  }
  return true;
}

Field parse_part(std::string_view part, std::size_t index) {
  Field field;
  const bool bare = part.starts_with("\r\n");
  const auto blank = bare ? 0 : part.find("\r\n\r\n");
  std::string_view head = part.substr(0, blank);
  if (blank != part.npos) field.value = part.substr(blank + (bare ? 2 : 4));
  std::string unread;
  while (!head.empty()) {
    const auto end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    if (!add_header(field, line)) unread.append(line).append("\r\n");
    head.remove_prefix(std::min(end + 2, head.size()));
  }
  // What is no header is content, wherever it stands.
  field.value.insert(0, unread);
  if (field.name.empty()) field.name = "[" + std::to_string(index) + "]";
  return field;
}

struct Delimiter {
  std::size_t begin = 0;
  std::size_t end = 0;  // its line's CRLF; of the last one, its "--"
  bool last = false;
};

// RFC 2046 section 5.1.1: behind the boundary stands "--", or blanks and the line's end.
std::optional<Delimiter> delimiter_at(std::string_view body, std::size_t begin,
                                      std::size_t size) {
  std::size_t end = begin + size;
  if (body.substr(end, 2) == "--") return Delimiter{begin, end, true};
  end = std::min(body.find_first_not_of(" \t", end), body.size());
  if (end < body.size() && body.substr(end, 2) != "\r\n") return std::nullopt;
  return Delimiter{begin, end, false};
}

// Delimiters stand at a line's start; the CRLF before one is its.
std::optional<Delimiter> find_delimiter(std::string_view body, const std::string& delimiter,
                                        std::size_t from) {
  for (auto at = body.find(delimiter, from); at != body.npos;
       at = body.find(delimiter, at + 1)) {
    if (const auto found = delimiter_at(body, at, delimiter.size())) return found;
  }
  return std::nullopt;
}

std::optional<Delimiter> first_delimiter(std::string_view body, const std::string& delimiter) {
  if (body.starts_with(std::string_view(delimiter).substr(2))) {
    if (const auto found = delimiter_at(body, 0, delimiter.size() - 2)) return found;
  }
  return find_delimiter(body, delimiter, 0);
}

std::optional<std::vector<Field>> parse_multipart(std::string_view body,
                                                  const std::string& boundary) {
  const std::string delimiter = "\r\n--" + boundary;
  std::vector<Field> fields;
  auto at = first_delimiter(body, delimiter);
  while (at && !at->last) {
    const auto next = find_delimiter(body, delimiter, at->end);
    if (!next) return std::nullopt;
    // Of a part without any line, the CRLF is the next delimiter's.
    const std::size_t begin = std::min(at->end + 2, next->begin);
    fields.push_back(parse_part(body.substr(begin, next->begin - begin), fields.size()));
    at = next;
  }
  if (!at) return std::nullopt;
  return fields;
}

void compare_headers(const Field& left, const Field& right, NamedDiff& named) {
  const auto value = [](const Field& field, const std::string& name) {
    const auto found = field.headers.find(name);
    return found == field.headers.end() ? std::nullopt
                                        : std::optional<std::string_view>(found->second);
  };
  auto all = left.headers;
  all.insert(right.headers.begin(), right.headers.end());
  for (const auto& [name, any] : all) {
    const auto l = value(left, name);
    const auto r = value(right, name);
    named.compare(left.name + "." + name, l, r, l == r, Kind::kValue, left.name);
  }
}

void compare_pair(const Field* left, const Field* right, NamedDiff& named) {
  const auto compare = [&](const std::string& name, const std::string Field::*member,
                           std::string_view parent) {
    const auto side = [&](const Field* field) {
      return field ? std::optional<std::string_view>(field->*member) : std::nullopt;
    };
    named.compare(name, side(left), side(right),
                  left && right && left->*member == right->*member, Kind::kValue, parent);
  };
  const std::string& name = (left ? left : right)->name;
  compare(name, &Field::value, {});
  if (!left || !right) return;
  if (left->type != right->type) compare(name + ".content-type", &Field::type, name);
  if (left->file != right->file) compare(name + ".filename", &Field::file, name);
  if (left->headers != right->headers) compare_headers(*left, *right, named);
}

void compare_fields(const std::vector<Field>& left, const std::vector<Field>& right,
                    const RuleSet::Compiled& rules, Report& report) {
  NamedDiff named(RulePath::Into::kForm, rules, report);
  // Sorted by name, those of one name in their order.
  const auto sorted = [](const std::vector<Field>& fields) {
    std::vector<const Field*> order;
    for (const auto& field : fields) order.push_back(&field);
    std::stable_sort(order.begin(), order.end(),
                     [](const Field* x, const Field* y) { return x->name < y->name; });
    return order;
  };
  const auto l = sorted(left);
  const auto r = sorted(right);
  for (std::size_t i = 0, j = 0; (i < l.size() || j < r.size()) && !report.stopped();) {
    const int order = i == l.size()   ? 1
                      : j == r.size() ? -1
                                      : l[i]->name.compare(r[j]->name);
    compare_pair(order <= 0 ? l[i] : nullptr, order >= 0 ? r[j] : nullptr, named);
    if (order <= 0) ++i;
    if (order >= 0) ++j;
  }
}

}  // namespace

void diff_form(const BodyPair& bodies, const RuleSet::Compiled& rules, Report& report) {
  compare_fields(parse_form(bodies.left), parse_form(bodies.right), rules, report);
}

BodyCompared diff_multipart(const BodyPair& bodies, const std::string& left_boundary,
                            const std::string& right_boundary,
                            const RuleSet::Compiled& rules, Report& report) {
  const auto left = parse_multipart(bodies.left, left_boundary);
  const auto right = parse_multipart(bodies.right, right_boundary);
  if (!left || !right) return BodyCompared::kNotIt;
  compare_fields(*left, *right, rules, report);
  return BodyCompared::kDone;
}

}  // namespace shadowtap::diff
