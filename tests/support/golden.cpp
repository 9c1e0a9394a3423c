#include "tests/support/golden.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "agent/base/text.h"

namespace shadowtap::testing {
namespace {

int hex(char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; }

std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'r') out += '\r';
    else if (c == 'n') out += '\n';
    else if (c == 't') out += '\t';
    else if (c == '\\') out += '\\';
    else if (c == 'x' && i + 2 < text.size()) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else ADD_FAILURE() << "escape in " << text;
  }
  return out;
}

// "4*abc" stands for abcabcabcabc.
std::string expanded(std::string_view text) {
  const std::size_t star = text.find('*');
  std::string out;
  const std::string one = unescaped(text.substr(star + 1));
  for (int n = std::stoi(std::string(text.substr(0, star))); n > 0; --n) out += one;
  return out;
}

std::optional<Turn> command(std::string_view line) {
  using Kind = Turn::Kind;
  if (line == "fin >") return Turn{Kind::kClientFin, {}, false, {}};
  if (line == "fin <") return Turn{Kind::kServerFin, {}, false, {}};
  if (line == "rst >") return Turn{Kind::kClientReset, {}, false, {}};
  if (line == "rst <") return Turn{Kind::kServerReset, {}, false, {}};
  if (line == "join") return Turn{Kind::kJoin, {}, false, {}};
  if (line.substr(0, 5) == "wait ") {
    return Turn{Kind::kWait, {}, false, parse_duration(line.substr(5)).value()};
  }
  return std::nullopt;
}

// One line of a wire block.
void add_line(Golden& golden, std::string_view line, bool& open) {
  if (line.empty()) {
    open = false;
    return;
  }
  if (auto turn = command(line)) {
    golden.turns.push_back(*turn);
    open = false;
    return;
  }
  const bool lost = line.front() == '!';
  if (lost) line.remove_prefix(1);
  const char side = line.empty() ? ' ' : line.front();
  if (side != '>' && side != '<') {
    ADD_FAILURE() << golden.name << ": " << line;
    return;
  }
  const auto kind = side == '>' ? Turn::Kind::kClient : Turn::Kind::kServer;
  if (!open || golden.turns.empty() || golden.turns.back().kind != kind ||
      golden.turns.back().lost != lost) {
    golden.turns.push_back({kind, {}, lost, {}});
  }
  open = true;
  line.remove_prefix(1);
  const char form = line.empty() ? ' ' : line.front();
  const std::string_view rest = line.substr(std::min<std::size_t>(line.size(), form == ' ' ? 1 : 2));
  golden.turns.back().bytes += form == '.'   ? unescaped(rest)
                               : form == '*' ? expanded(rest)
                                             : unescaped(rest) + "\r\n";
}

void read_file(const std::filesystem::path& path, std::vector<Golden>& goldens) {
  std::ifstream in(path);
  std::string line;
  std::string block;
  bool open = false;
  while (std::getline(in, line)) {
    if (block.empty() && line.rfind("## ", 0) == 0) {
      goldens.push_back({path.stem().string() + ": " + line.substr(3), {}, {}});
    } else if (line.rfind("```", 0) == 0) {
      block = block.empty() ? line.substr(3) : "";
      open = false;
    } else if (block == "wire") {
      add_line(goldens.back(), line, open);
    } else if (block == "log") {
      goldens.back().log.push_back(line);
    }
  }
}

void play_bytes(Wire& wire, const Turn& turn, std::size_t cut_at) {
  const std::string_view bytes = turn.bytes;
  const std::size_t first = wire.packets.size();
  const auto send = [&](std::string_view part) {
    turn.kind == Turn::Kind::kClient ? wire.client(part) : wire.server(part);
  };
  wire.acks = false;
  send(bytes.substr(0, cut_at));
  wire.acks = true;
  send(bytes.substr(std::min(cut_at, bytes.size())));
  if (cut_at >= bytes.size()) {
    wire.ack(turn.kind == Turn::Kind::kClient ? net::Direction::kToClient
                                              : net::Direction::kToServer);
  }
  if (!turn.lost) return;
  std::erase_if(wire.packets, [&, i = std::size_t{0}](const Packet& p) mutable {
    return i++ >= first && !p.payload.empty();
  });
}

}  // namespace

std::vector<Golden> read_goldens(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const auto& path = entry.path();
    if (path.extension() == ".md" && path.stem() != "README") files.push_back(path);
  }
  std::sort(files.begin(), files.end());
  std::vector<Golden> goldens;
  for (const auto& file : files) read_file(file, goldens);
  return goldens;
}

std::vector<Packet> packets_of(const Golden& golden, const Cut& cut, std::uint32_t client_isn,
                               std::uint32_t server_isn) {
  Wire wire(40000, client_isn, server_isn);
  wire.handshake();
  wire.mss = cut.mss;
  for (std::size_t i = 0; i < golden.turns.size(); ++i) {
    const Turn& turn = golden.turns[i];
    switch (turn.kind) {
      case Turn::Kind::kClient:
      case Turn::Kind::kServer: play_bytes(wire, turn, cut.turn == i ? cut.at : SIZE_MAX); break;
      case Turn::Kind::kClientFin: wire.client_fin(); break;
      case Turn::Kind::kServerFin: wire.server_fin(); break;
      case Turn::Kind::kClientReset: wire.client_rst(); break;
      case Turn::Kind::kServerReset: wire.server_rst(); break;
      case Turn::Kind::kWait: wire.wait(turn.wait); break;
      case Turn::Kind::kJoin: wire.packets.clear(); break;
    }
  }
  return wire.packets;
}

std::string escaped(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    if (c == '\r') out += "\\r";
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c == '\\') out += "\\\\";
    else if (c >= ' ' && c < 0x7f) out += c;
    else {
      out += "\\x";
      out += kHex[(static_cast<unsigned char>(c) >> 4) & 15];
      out += kHex[c & 15];
    }
  }
  return out;
}

}  // namespace shadowtap::testing
