#include "agent/files/capture_file.h"

#include <pcap/pcap.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>

namespace shadowtap::files {
namespace {

constexpr std::size_t kReadAhead = 256 << 10;

}  // namespace

void CaptureFile::Close::operator()(pcap* handle) const { pcap_close(handle); }

CaptureFile::CaptureFile(pcap* handle, std::unique_ptr<char[]> buffer,
                         const CaptureFileOptions& options, std::uint64_t file_bytes)
    : buffer_(std::move(buffer)),
      handle_(handle),
      options_(options),
      file_bytes_(file_bytes),
      link_type_(pcap_datalink(handle)) {}

CaptureFile::~CaptureFile() = default;

Result<std::unique_ptr<CaptureFile>> CaptureFile::open(const std::string& path,
                                                       const CaptureFileOptions& options) {
  char reason[PCAP_ERRBUF_SIZE] = "";
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return errno_error("open " + path);
  std::FILE* const stream = std::fopen(path.c_str(), "rbe");
  if (stream == nullptr) return errno_error("open " + path);
  // libpcap reads 4 KiB at a time otherwise: as many system calls as packets.
  auto buffer = std::make_unique<char[]>(kReadAhead);
  std::setvbuf(stream, buffer.get(), _IOFBF, kReadAhead);
  pcap* const handle =
      pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, reason);
  if (handle == nullptr) {
    std::fclose(stream);
    return plain_error("open " + path + ": " + reason);
  }
  std::unique_ptr<CaptureFile> file(
      new CaptureFile(handle, std::move(buffer), options, static_cast<std::uint64_t>(status.st_size)));
  if (!link_type_is_known(file->link_type_)) {
    const char* const name = pcap_datalink_val_to_name(file->link_type_);
    return plain_error("open " + path + ": link type " +
                       (name != nullptr ? name : std::to_string(file->link_type_)) +
                       " is not one of Ethernet, raw IP, Linux cooked, loopback");
  }
  return file;
}

CaptureFile::Read CaptureFile::next(net::Segment& segment) {
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  while (true) {
    const int result = pcap_next_ex(handle_.get(), &header, &bytes);
    if (result == PCAP_ERROR) damage_ = pcap_geterr(handle_.get());
    if (result != 1) return Read::kEnd;
    const std::string_view frame(reinterpret_cast<const char*>(bytes), header->caplen);
    TcpPacket packet;
    const Decoded decoded = decode_packet(link_type_, frame, header->len, packet);
    ++read_;
    packets_.add(decoded);
    if (decoded != Decoded::kTcp) {
      pass_over(decoded);
      continue;
    }
    if (!fill(packet, segment)) {
      ++other_ports_;
      continue;
    }
    // With nanosecond precision tv_usec counts nanoseconds.
    segment.time = Time(std::chrono::seconds(header->ts.tv_sec) +
                        std::chrono::nanoseconds(header->ts.tv_usec));
    return Read::kSegment;
  }
}

// Other protocols are nobody's loss.
void CaptureFile::pass_over(Decoded why) {
  if (!options_.passed_over) return;
  if (why == Decoded::kFragment) options_.passed_over(read_, "IP fragment");
  if (why == Decoded::kMalformed) options_.passed_over(read_, "malformed");
}

bool CaptureFile::is_wanted(std::uint16_t port) const {
  return std::find(options_.ports.begin(), options_.ports.end(), port) != options_.ports.end();
}

// Where both ports are the service's, the handshake's direction is not known for every
// packet; the smaller end is then the server, so that a flow keeps its direction.
bool CaptureFile::fill(const TcpPacket& packet, net::Segment& segment) const {
  const bool to = is_wanted(packet.destination.port);
  const bool from = is_wanted(packet.source.port);
  if (!to && !from) return false;
  const auto key = [](const Endpoint& e) { return std::pair(e.port, e.address); };
  const bool to_server = to && (!from || key(packet.destination) < key(packet.source));
  segment.direction = to_server ? net::Direction::kToServer : net::Direction::kToClient;
  segment.flow = to_server ? net::Flow{packet.source, packet.destination}
                           : net::Flow{packet.destination, packet.source};
  segment.flags = packet.flags;
  segment.sequence = packet.sequence;
  segment.acknowledgment = packet.acknowledgment;
  segment.payload = packet.payload;
  segment.payload_size = packet.payload_size;
  return true;
}

std::uint64_t CaptureFile::bytes_read() const {
  std::FILE* const file = pcap_file(handle_.get());
  const long at = file != nullptr ? std::ftell(file) : 0;
  return at > 0 ? static_cast<std::uint64_t>(at) : 0;
}

}  // namespace shadowtap::files
