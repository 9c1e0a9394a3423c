#include "agent/http/message.h"

#include "agent/base/text.h"

namespace shadowtap::http {
std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

namespace {

bool list_has_token(std::string_view list, std::string_view token) {
  while (true) {
    const auto comma = list.find(',');
    if (equal_ignoring_case(trimmed(list.substr(0, comma)), token)) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

void HeaderList::append(std::string_view name, std::string_view value) {
  const auto offset = static_cast<std::uint32_t>(text_.size());
  text_.append(name);
  text_.append(value);
  const auto name_size = static_cast<std::uint32_t>(name.size());
  fields_.push_back({{offset, name_size},
                     {offset + name_size, static_cast<std::uint32_t>(value.size())}});
}

void HeaderList::begin_line() {
  const auto offset = static_cast<std::uint32_t>(text_.size());
  fields_.push_back({{offset, 0}, {offset, 0}});
}

void HeaderList::more_name(std::string_view piece) {
  text_.append(piece);
  Field& field = fields_.back();
  field.name.size += static_cast<std::uint32_t>(piece.size());
  field.value.offset = field.name.offset + field.name.size;
}

void HeaderList::more_value(std::string_view piece) {
  text_.append(piece);
  fields_.back().value.size += static_cast<std::uint32_t>(piece.size());
}

void HeaderList::end_line() {
  Span& value = fields_.back().value;
  while (value.size > 0 && (text_.back() == ' ' || text_.back() == '\t')) {
    text_.pop_back();
    --value.size;
  }
}

void HeaderList::reserve(std::size_t lines, std::size_t bytes) {
  fields_.reserve(lines);
  text_.reserve(bytes);
}

std::optional<std::string_view> HeaderList::find(std::string_view wanted) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (equal_ignoring_case(name(i), wanted)) return value(i);
  }
  return std::nullopt;
}

bool HeaderList::has_token(std::string_view wanted, std::string_view token) const {
  for (std::size_t i = 0; i < size(); ++i) {
    if (equal_ignoring_case(name(i), wanted) && list_has_token(value(i), token)) return true;
  }
  return false;
}

std::size_t Request::held_bytes() const {
  return sizeof *this + method.size() + target.size() + headers.bytes() + trailers.bytes() +
         body.bytes.size();
}

std::size_t Response::held_bytes() const {
  return sizeof *this + reason.size() + headers.bytes() + trailers.bytes() + body.bytes.size();
}

}  // namespace shadowtap::http
