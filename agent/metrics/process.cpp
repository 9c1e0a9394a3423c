// The usual process_* metrics, read from /proc (proc(5)).
#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>

#include "agent/metrics/snapshot.h"

namespace shadowtap::metrics {
namespace {

std::string read_file(const char* path) {
  std::string text;
  std::FILE* file = std::fopen(path, "re");
  if (!file) return text;
  std::array<char, 4096> buffer;
  while (const std::size_t n = std::fread(buffer.data(), 1, buffer.size(), file)) {
    text.append(buffer.data(), n);
  }
  std::fclose(file);
  return text;
}

std::uint64_t count_entries(const char* path) {
  DIR* directory = ::opendir(path);
  if (!directory) return 0;
  std::uint64_t entries = 0;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] != '.') ++entries;
  }
  ::closedir(directory);
  return entries == 0 ? 0 : entries - 1;  // without the directory's own descriptor
}

double boot_time() {
  const std::string text = read_file("/proc/stat");
  const std::size_t at = text.find("\nbtime ");
  return at == std::string::npos ? 0 : std::strtod(text.c_str() + at + 7, nullptr);
}

// Fields of /proc/self/stat after the command's closing parenthesis (it may hold spaces).
void read_stat(Process& process) {
  const std::string text = read_file("/proc/self/stat");
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos) return;
  std::istringstream fields(text.substr(end + 1));
  std::array<std::string, 22> field;  // field[0] is the third of proc(5)'s list
  for (std::string& f : field) fields >> f;
  const auto number = [&](std::size_t proc5) {
    return std::strtod(field[proc5 - 3].c_str(), nullptr);
  };
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  process.cpu_seconds = (number(14) + number(15)) / ticks;
  process.threads = static_cast<std::uint64_t>(number(20));
  process.start_time_seconds = boot_time() + number(22) / ticks;
  process.virtual_bytes = static_cast<std::uint64_t>(number(23));
  process.resident_bytes =
      static_cast<std::uint64_t>(number(24)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Process read_process() {
  Process process;
  read_stat(process);
  process.open_fds = count_entries("/proc/self/fd");
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) process.max_fds = limit.rlim_cur;
  return process;
}

}  // namespace shadowtap::metrics
