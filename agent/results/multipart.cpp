#include "agent/results/multipart.h"

#include <algorithm>

#include "agent/base/text.h"
#include "agent/http/message.h"

namespace shadowtap::results {
namespace {

constexpr auto kNowhere = std::string_view::npos;

// Reads what stands after the '=' at `i - 1`; returns the index of the next ';' or the end.
std::size_t read_parameter(std::string_view header, std::size_t i, std::string& value) {
  i = std::min(header.find_first_not_of(" \t", i), header.size());
  if (i == header.size() || header[i] != '"') {
    const std::size_t end = std::min(header.find(';', i), header.size());
    value = http::trimmed(header.substr(i, end - i));
    return end;
  }
  for (++i; i < header.size() && header[i] != '"'; ++i) {
    if (header[i] == '\\' && i + 1 < header.size()) ++i;
    value += header[i];
  }
  return std::min(header.find(';', i), header.size());
}

// "form-data; name=\"a\"; filename=\"b\"": a parameter by its name.
std::string parameter_of(std::string_view header, std::string_view wanted) {
  std::size_t i = header.find(';');
  while (i < header.size()) {
    const std::size_t stop = std::min(header.find_first_of("=;", i + 1), header.size());
    const std::string_view name = http::trimmed(header.substr(i + 1, stop - i - 1));
    i = stop;
    if (stop == header.size() || header[stop] == ';') continue;
    std::string value;
    i = read_parameter(header, stop + 1, value);
    if (equal_ignoring_case(name, wanted)) return value;
  }
  return {};
}

bool ends_delimiter(std::string_view rest) {
  return rest.empty() || rest.starts_with("--") || std::string_view(" \t\r\n").find(rest[0]) != kNowhere;
}

// Where a line begins with the delimiter and nothing but its end.
std::size_t find_delimiter(std::string_view body, std::string_view delimiter, std::size_t from) {
  for (std::size_t at = from; at < body.size();) {
    const std::string_view rest = body.substr(at);
    const bool at_line = at == 0 || body[at - 1] == '\n';
    if (at_line && rest.starts_with(delimiter) && ends_delimiter(rest.substr(delimiter.size()))) return at;
    const std::size_t line_end = body.find('\n', at);
    if (line_end == kNowhere) break;
    at = line_end + 1;
  }
  return kNowhere;
}

// After the blank line that ends the head; the end where there is none.
std::size_t content_begin(std::string_view body, std::size_t from) {
  for (std::size_t at = body.find('\n', from); at != kNowhere; at = body.find('\n', at + 1)) {
    const std::string_view rest = body.substr(at + 1);
    if (rest.starts_with("\r\n")) return at + 3;
    if (rest.starts_with("\n")) return at + 2;
  }
  return body.size();
}

// The line break before a delimiter belongs to the delimiter.
std::size_t without_line_break(std::string_view body) {
  if (body.ends_with("\r\n")) return body.size() - 2;
  return body.ends_with("\n") ? body.size() - 1 : body.size();
}

void read_head(std::string_view head, Part& part) {
  while (!head.empty()) {
    const std::size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = http::trimmed(head.substr(0, end - (end > 0 && head[end - 1] == '\r')));
    head.remove_prefix(std::min(end + 1, head.size()));
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view name = http::trimmed(line.substr(0, colon));
    const std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (equal_ignoring_case(name, "content-disposition")) part.name = parameter_of(value, "name");
    if (equal_ignoring_case(name, "content-type")) part.type = http::trimmed(value);
  }
}

// As the type says, else as the first line that looks like one.
std::string delimiter_of(std::string_view content_type, std::string_view body) {
  const std::string boundary = parameter_of(content_type, "boundary");
  if (!boundary.empty() && find_delimiter(body, "--" + boundary, 0) != kNowhere) return "--" + boundary;
  if (!body.starts_with("--")) body.remove_prefix(std::min(body.find("\n--"), body.size() - 1) + 1);
  const std::string_view line = http::trimmed(body.substr(0, body.find_first_of("\r\n")));
  return line.size() > 2 ? std::string(line) : std::string();
}

}  // namespace

bool for_each_part(std::string_view content_type, std::string_view body,
                   const std::function<void(const Part&)>& take) {
  const std::string delimiter = delimiter_of(content_type, body);
  if (delimiter.empty()) return false;
  std::size_t start = 0;  // of what is not in a piece yet
  for (std::size_t at = find_delimiter(body, delimiter, 0); at != kNowhere;) {
    const std::size_t next = find_delimiter(body, delimiter, at + delimiter.size());
    const std::string_view section = body.substr(0, next);
    const std::size_t begin = content_begin(section, at + delimiter.size());
    const std::size_t end = next == kNowhere ? body.size() : std::max(begin, without_line_break(section));
    Part part;
    part.before = body.substr(start, begin - start);
    part.content = body.substr(begin, end - begin);
    read_head(body.substr(at, begin - at), part);
    take(part);
    start = end;
    at = next;
  }
  return start > 0;
}

}  // namespace shadowtap::results
