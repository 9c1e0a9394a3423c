// `shadowtap replay FILE --list`: one line per exchange, one per thing that was lost or
// skipped, as text for people or as JSON lines.
//
// A sink like the shard's, so what is listed is what would be sent and compared. Bodies
// are named by their SHA-256: read with ParserOptions::hash_bodies.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/http/sink.h"

namespace shadowtap::files {

enum class ListFormat : std::uint8_t { kText, kJson };

class Lister final : public http::ExchangeSink {
 public:
  // `print` gets whole lines with their line feed.
  Lister(ListFormat format, std::function<void(std::string_view)> print);

  void opened(http::Exchange exchange) override;
  void completed(http::ExchangeId id, http::Response original, Time first_byte,
                 Time last_byte) override;
  void lost(http::ExchangeId id, http::OriginalLoss loss, const char* detail) override;
  void incident(const http::Incident& incident) override;
  // The packet or record at that place of the file gave nothing.
  void unreadable(std::string_view what, std::uint64_t place, std::string_view reason);
  // What is not the service's: one line for all of a kind, none if 0.
  void others(std::string_view what, std::uint64_t count);

  std::uint64_t complete() const { return complete_; }
  std::uint64_t incomplete() const { return incomplete_; }

 private:
  void print_exchange(const http::Exchange& exchange, const char* reason);
  void print_text(const http::Exchange& exchange, const char* reason);
  void print_json(const http::Exchange& exchange, const char* reason);

  ListFormat format_;
  std::function<void(std::string_view)> print_;
  std::unordered_map<http::ExchangeId, http::Exchange> open_;
  std::uint64_t complete_ = 0;
  std::uint64_t incomplete_ = 0;
};

}  // namespace shadowtap::files
