// What a capture or recording holds, line by line: `shadowtap replay FILE --list`. The
// same reassembly and pairing as a live tap, with every body hashed and none kept.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/base/result.h"
#include "agent/files/listing.h"

namespace shadowtap {

struct ListOptions {
  std::string path;                  // .gor, .gor.gz, else .pcap or .pcapng
  std::vector<std::uint16_t> ports;  // of the service; not needed for .gor
  files::ListFormat format = files::ListFormat::kText;
};

struct ListSummary {
  std::uint64_t complete = 0;
  std::uint64_t incomplete = 0;
};

bool is_recording(std::string_view path);  // by its suffix

// `print` gets whole lines. Fails where the file cannot be opened or is damaged (what
// stood before the damage was printed).
Result<ListSummary> list_file(const ListOptions& options,
                              const std::function<void(std::string_view)>& print);

}  // namespace shadowtap
