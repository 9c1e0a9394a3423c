#include "agent/listing.h"

#include "agent/assembly.h"
#include "agent/files/capture_file.h"
#include "agent/files/gor_reader.h"

namespace shadowtap {
namespace {

http::ParserOptions hash_everything() {
  http::ParserOptions options;
  options.hash_bodies = true;
  options.max_body_bytes = 0;
  return options;
}

Result<> list_capture(const ListOptions& options, files::Lister& lister) {
  auto file = files::CaptureFile::open(
      options.path, {options.ports, [&lister](std::uint64_t packet, const char* reason) {
                       lister.unreadable("packet", packet, reason);
                     }});
  if (!file) return file.error();
  AssemblyOptions assembly_options;
  assembly_options.first_exchange = 1;
  assembly_options.parser = hash_everything();
  Assembly assembly(assembly_options, lister);
  net::Segment segment;
  Time last{};
  Time ticked{};
  while ((*file)->next(segment) == files::CaptureFile::Read::kSegment) {
    if (segment.time - ticked >= std::chrono::milliseconds(100)) {
      assembly.tick(segment.time);
      ticked = segment.time;
    }
    assembly.segment(segment);
    last = segment.time;
  }
  assembly.flush(last);
  lister.others("packets of other ports", (*file)->other_ports());
  lister.others("packets of other protocols", (*file)->packets().value(files::Decoded::kNotTcp));
  if (!(*file)->damage().empty()) return plain_error(options.path + ": " + (*file)->damage());
  return {};
}

Result<> list_recording(const ListOptions& options, files::Lister& lister) {
  files::GorReaderOptions reader_options;
  reader_options.parser = hash_everything();
  reader_options.passed_over = [&lister](std::uint64_t record, const char* reason) {
    lister.unreadable("record", record, reason);
  };
  auto reader = files::GorReader::open(options.path, reader_options);
  if (!reader) return reader.error();
  while ((*reader)->step(lister)) {
  }
  if (!(*reader)->damage().empty()) return plain_error(options.path + ": " + (*reader)->damage());
  return {};
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

bool is_recording(std::string_view path) {
  return ends_with(path, ".gor") || ends_with(path, ".gor.gz");
}

Result<ListSummary> list_file(const ListOptions& options,
                              const std::function<void(std::string_view)>& print) {
  files::Lister lister(options.format, print);
  const Result<> done = is_recording(options.path) ? list_recording(options, lister)
                                                   : list_capture(options, lister);
  if (!done) return done.error();
  return ListSummary{lister.complete(), lister.incomplete()};
}

}  // namespace shadowtap
