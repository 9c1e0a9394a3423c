#include "agent/files/gor_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "agent/files/gor_format.h"

namespace shadowtap::files {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// A separator before the one at its end: readers would take what follows for a record.
bool ends_early(std::string_view message) {
  return message.find(kGorSeparator) + kGorSeparator.size() < message.size();
}

// "dir/x.gor.gz" and 3 -> "dir/x_3.gor.gz".
std::string numbered(const std::string& path, std::uint32_t index) {
  for (const std::string_view suffix : {".gor.gz", ".gor", ".gz"}) {
    if (!ends_with(path, suffix)) continue;
    return fmt::format("{}_{}{}", path.substr(0, path.size() - suffix.size()), index, suffix);
  }
  return fmt::format("{}_{}", path, index);
}

}  // namespace

Result<std::unique_ptr<GorWriter>> GorWriter::create(const GorWriterOptions& options) {
  std::unique_ptr<GorWriter> writer(new GorWriter(options));
  const Result<> opened = writer->open_next();
  if (!opened) return opened.error();
  return writer;
}

GorWriter::~GorWriter() {
  if (file_ != nullptr) gzclose(file_);
}

Result<> GorWriter::open_next() {
  const Result<> closed = close();
  if (!closed) return closed;
  current_path_ =
      options_.max_file_bytes == 0 ? options_.path : numbered(options_.path, next_index_++);
  const mode_t mode = options_.secret ? 0600 : 0644;
  const int fd = ::open(current_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return errno_error("create " + current_path_);
  // An existing file keeps its mode over open().
  if (options_.secret && ::fchmod(fd, mode) != 0) {
    const Error error = errno_error("restrict " + current_path_);
    ::close(fd);
    return error;
  }
  // "T": no compression.
  file_ = gzdopen(fd, ends_with(current_path_, ".gz") ? "wb6" : "wbT");
  if (file_ == nullptr) {
    ::close(fd);
    return plain_error("create " + current_path_ + ": out of memory");
  }
  file_bytes_ = 0;
  return {};
}

Result<> GorWriter::put(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto part = static_cast<unsigned>(std::min<std::size_t>(bytes.size() - at, 1U << 30));
    if (gzwrite(file_, bytes.data() + at, part) != static_cast<int>(part)) {
      return errno_error("write " + current_path_);
    }
    at += part;
  }
  file_bytes_ += bytes.size();
  bytes_ += bytes.size();
  return {};
}

std::int64_t GorWriter::wall(Time time) const {
  return (time.time_since_epoch() + options_.to_wall).count();
}

Result<> GorWriter::leave_out() {
  ++left_out_;
  return {};
}

Result<> GorWriter::write(const http::Exchange& exchange) {
  const bool whole = exchange.request.body.whole() &&
                     (!exchange.original || exchange.original->body.whole());
  if (!whole) return leave_out();
  const std::string request = to_wire(exchange.request).append(kGorSeparator);
  const std::string answer =
      exchange.original ? to_wire(*exchange.original).append(kGorSeparator) : std::string();
  if (ends_early(request) || ends_early(answer)) return leave_out();
  if (options_.max_file_bytes != 0 && file_bytes_ >= options_.max_file_bytes) {
    const Result<> next = open_next();
    if (!next) return next;
  }
  const std::string id = fmt::format("{:024x}", exchange.id);
  std::string record = format_gor_meta({'1', id, wall(exchange.request_first), 0}) + request;
  if (exchange.original) {
    const Duration latency = exchange.response_last - exchange.response_first;
    record += format_gor_meta({'2', id, wall(exchange.response_first), latency.count()}) + answer;
  }
  ++exchanges_;
  return put(record);
}

Result<> GorWriter::close() {
  if (file_ == nullptr) return {};
  const int result = gzclose(file_);
  file_ = nullptr;
  if (result != Z_OK) return errno_error("close " + current_path_);
  return {};
}

}  // namespace shadowtap::files
