// A .pcap or .pcapng file as a source of segments, in the order of the file.
//
// Times are the capture's wall clock: Time's count is nanoseconds since 1970. Packets of
// other ports are passed over; every packet is counted under what became of it.
// Not thread-safe; one reader.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/counter.h"
#include "agent/base/result.h"
#include "agent/files/packet.h"
#include "agent/net/segment.h"

struct pcap;

namespace shadowtap::files {

struct CaptureFileOptions {
  std::vector<std::uint16_t> ports;  // of the service; all are its service 0
  // May be empty. A packet that cannot be read, by its place in the file, from 1, as other
  // tools number them; `reason` is a literal.
  std::function<void(std::uint64_t packet, const char* reason)> passed_over = {};
};

class CaptureFile {
 public:
  static Result<std::unique_ptr<CaptureFile>> open(const std::string& path,
                                                   const CaptureFileOptions& options);
  ~CaptureFile();
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;

  enum class Read : std::uint8_t { kSegment, kEnd };
  // The next segment of a wanted port; valid until the next call. A damaged file ends where
  // the damage is: damage() says so.
  [[nodiscard]] Read next(net::Segment& segment);

  // "" unless the file ended early: what pcap said.
  const std::string& damage() const { return damage_; }
  const CounterSet<Decoded>& packets() const { return packets_; }
  std::uint64_t other_ports() const { return other_ports_; }

  // For progress.
  std::uint64_t bytes_read() const;
  std::uint64_t file_bytes() const { return file_bytes_; }

 private:
  struct Close {
    void operator()(pcap* handle) const;
  };
  CaptureFile(pcap* handle, std::unique_ptr<char[]> buffer, const CaptureFileOptions& options,
              std::uint64_t file_bytes);
  bool is_wanted(std::uint16_t port) const;
  void pass_over(Decoded why);
  bool fill(const TcpPacket& packet, net::Segment& segment) const;

  std::unique_ptr<char[]> buffer_;  // of handle_'s stream
  std::unique_ptr<pcap, Close> handle_;
  CaptureFileOptions options_;
  CounterSet<Decoded> packets_;
  std::uint64_t other_ports_ = 0;
  std::uint64_t read_ = 0;  // packets
  std::uint64_t file_bytes_;
  std::string damage_;
  int link_type_;
};

}  // namespace shadowtap::files
