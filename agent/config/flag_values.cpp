#include "agent/config/flag_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "agent/base/text.h"

namespace shadowtap::config {
namespace {

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 200)) + (text.size() > 200 ? "…'" : "'");
}

template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

// Calls `take` for each comma-separated part until one complains.
template <class Take>
Complaint for_each_part(std::string_view text, Take take) {
  while (true) {
    const std::size_t comma = text.find(',');
    if (Complaint wrong = take(text.substr(0, comma)); !wrong.empty()) return wrong;
    if (comma == std::string_view::npos) return {};
    text.remove_prefix(comma + 1);
  }
}

constexpr std::array<std::string_view, 9> kMethods{"GET",    "HEAD",    "OPTIONS", "POST", "PUT",
                                                   "DELETE", "PATCH",   "TRACE",   "CONNECT"};

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  return read_number(text, port) && port != 0;
}

// "host", "host:port", "[v6]:port"; the port may be left out.
Complaint check_authority(std::string_view authority) {
  const std::size_t user = authority.rfind('@');
  if (user != std::string_view::npos) authority.remove_prefix(user + 1);
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) return "has '[' without ']'";
    port = authority.substr(close + 1);
    authority = authority.substr(1, close - 1);
  } else if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    port = authority.substr(colon);
    authority = authority.substr(0, colon);
  }
  if (authority.empty()) return "has no host";
  if (authority.find_first_of(" \t\"<>\\^`{|}") != std::string_view::npos) {
    return "has a host that is none";
  }
  if (!port.empty() && (port.front() != ':' || !is_port(port.substr(1)))) {
    return "has a port that is not in 1–65535";
  }
  return {};
}

}  // namespace

Complaint read_value(std::string_view text, std::string& out) {
  if (text.empty()) return "needs a value";
  out = text;
  return {};
}

Complaint read_value(std::string_view text, std::optional<Duration>& out) {
  const auto duration = parse_duration(text);
  if (!duration) return quoted(text) + " is not a duration (500ms, 5s, 1h)";
  out = duration;
  return {};
}

Complaint read_value(std::string_view text, std::optional<bool>& out) {
  if (text != "on" && text != "off") return quoted(text) + " is neither 'on' nor 'off'";
  out = text == "on";
  return {};
}

Complaint read_value(std::string_view text, std::optional<std::size_t>& out) {
  std::size_t number = 0;
  if (!read_number(text, number)) return quoted(text) + " is not a whole number";
  out = number;
  return {};
}

Complaint read_value(std::string_view text, std::optional<int>& out) {
  int number = 0;
  if (!read_number(text, number) || number < 1) return quoted(text) + " is not a number from 1";
  out = number;
  return {};
}

Complaint read_ports(std::string_view text, std::vector<std::uint16_t>& out) {
  return for_each_part(text, [&](std::string_view part) -> Complaint {
    std::uint16_t port = 0;
    if (!read_number(part, port) || port == 0) return quoted(part) + " is not a port (1–65535)";
    if (std::find(out.begin(), out.end(), port) != out.end()) {
      return "port " + std::string(part) + " is given twice";
    }
    out.push_back(port);
    return {};
  });
}

Complaint read_methods(std::string_view text, std::vector<std::string>& out) {
  return for_each_part(text, [&](std::string_view part) -> Complaint {
    if (!is_token(part)) return quoted(part) + " is not an HTTP method";
    for (const std::string_view method : kMethods) {
      if (part == method || !equal_ignoring_case(part, method)) continue;
      return quoted(part) + " is not '" + std::string(method) + "': methods are upper-case";
    }
    out.emplace_back(part);
    return {};
  });
}

Complaint read_percent(std::string_view text, std::optional<double>& out) {
  double number = 0;
  std::string_view digits = text;
  if (digits.ends_with('%')) digits.remove_suffix(1);
  if (!read_number(digits, number) || !(number >= 0 && number <= 100)) {
    return quoted(text) + " is not a percentage (0–100)";
  }
  out = number;
  return {};
}

Complaint read_rate(std::string_view text, std::optional<double>& out) {
  double number = 0;
  std::string_view digits = text;
  if (digits.ends_with("/s")) digits.remove_suffix(2);
  if (!read_number(digits, number) || !std::isfinite(number) || number < 0) {
    return quoted(text) + " is not a rate (100/s)";
  }
  out = number;
  return {};
}

Complaint read_size(std::string_view text, std::string& out) {
  if (!parse_size(text)) return quoted(text) + " is not a size (64KiB, 10MiB)";
  out = text;
  return {};
}

Complaint read_word(std::string_view text, std::span<const std::string_view> words,
                    std::string& out) {
  if (std::find(words.begin(), words.end(), text) == words.end()) {
    std::string sentence = unknown("value", text, words) + "; one of";
    for (const std::string_view word : words) sentence += " " + std::string(word);
    return sentence;
  }
  out = text;
  return {};
}

Complaint check_url(std::string_view url) {
  if (std::any_of(url.begin(), url.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
      })) {
    return quoted(url) + " has a space or control character";
  }
  if (url.starts_with("unix:")) {
    return url.starts_with("unix:/") ? Complaint() : quoted(url) + " needs an absolute path";
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!url.starts_with(scheme)) continue;
    if (url.find_first_of("?#") != std::string_view::npos) {
      return quoted(url) + " has a query or fragment; give a base path only";
    }
    const std::string_view rest = url.substr(scheme.size());
    const Complaint wrong = check_authority(rest.substr(0, rest.find('/')));
    return wrong.empty() ? wrong : quoted(url) + " " + wrong;
  }
  return quoted(url) + " is not a URL of a target (http://host:port, https://…, unix:/path)";
}

Complaint check_listen(std::string_view address) {
  if (address.starts_with("unix:/")) return {};
  const std::size_t colon = address.rfind(':');
  std::uint16_t port = 0;  // 0: any free one
  if (colon != std::string_view::npos && read_number(address.substr(colon + 1), port) &&
      check_authority(address.substr(0, colon)).empty()) {
    return {};
  }
  return quoted(address) + " is not an address to listen on (127.0.0.1:9900, [::1]:9900)";
}

Complaint check_header(std::string_view header) {
  const std::size_t colon = header.find(':');
  if (colon == std::string_view::npos || !is_token(header.substr(0, colon))) {
    return quoted(header) + " is not a header ('Name: value')";
  }
  if (header.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return "has a line break";
  }
  return {};
}

Complaint check_interface(std::string_view choice) {
  constexpr std::array<std::string_view, 2> kKinds{"leaf", "host"};
  const std::size_t colon = choice.rfind(':');
  const std::string_view name = choice.substr(0, colon);
  if (name.empty() || name.size() > 15 || name.find_first_of("/ \t") != std::string_view::npos) {
    return quoted(choice) + " is not an interface (eth0, veth1:leaf, eth0:host)";
  }
  std::string kind;
  if (colon == std::string_view::npos) return {};
  return read_word(choice.substr(colon + 1), kKinds, kind);
}

bool is_token(std::string_view text) {
  constexpr std::string_view kAllowed = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kAllowed.find(c) != std::string_view::npos;
  });
}

std::string unknown(std::string_view what, std::string_view word,
                    std::span<const std::string_view> known) {
  std::string sentence = "unknown " + std::string(what) + " " + quoted(word);
  const auto close = nearest(word, known);
  if (close) sentence += " (did you mean '" + std::string(*close) + "'?)";
  return sentence;
}

}  // namespace shadowtap::config
