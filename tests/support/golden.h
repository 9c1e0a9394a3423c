// Reads tests/golden/http/*.md: conversations as prose, and what must be told of them.
// The format is described in tests/golden/http/README.md.
#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "agent/base/time.h"
#include "tests/support/wire.h"

namespace shadowtap::testing {

struct Turn {
  enum class Kind { kClient, kServer, kClientFin, kServerFin, kClientReset, kServerReset, kWait, kJoin };
  Kind kind = Kind::kClient;
  std::string bytes;   // of kClient, kServer
  bool lost = false;   // the tap did not see it
  Duration wait{};
};

struct Golden {
  std::string name;  // file:title
  std::vector<Turn> turns;
  std::vector<std::string> log;
};

std::vector<Golden> read_goldens(const std::filesystem::path& folder);

// How a conversation is cut into segments: the one turn `turn` at `at`; or every turn into
// pieces of `mss`.
struct Cut {
  std::size_t turn = SIZE_MAX;
  std::size_t at = 0;
  std::size_t mss = 65536;
};
std::vector<Packet> packets_of(const Golden& golden, const Cut& cut, std::uint32_t client_isn,
                               std::uint32_t server_isn);

void PrintTo(const Golden& golden, std::ostream* out);  // its name, for GoogleTest

// "GET / HTTP/1.1\r\n" with what cannot be read as \xNN.
std::string escaped(std::string_view bytes);

}  // namespace shadowtap::testing
