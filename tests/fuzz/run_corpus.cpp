// Runs a fuzz target over its corpus without libFuzzer: each file as it is, cut short, and
// with single bytes changed, always in the same ways. Exit 0 if nothing crashed.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kVariants = 64;  // of each kind and file

void run(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

void run_variants(const std::string& whole) {
  run(whole);
  constexpr char kDamage[] = {'\0', '\xff', ' ', '"', ':', '\n', '{', '-'};
  for (std::size_t i = 0; i < kVariants && !whole.empty(); ++i) {
    const std::size_t at = whole.size() * i / kVariants;
    run(whole.substr(0, at));
    std::string damaged = whole;
    damaged[at] = kDamage[i % sizeof kDamage];
    run(damaged);
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      run_variants(std::string(std::istreambuf_iterator<char>(in), {}));
      ++files;
    }
  }
  std::printf("%zu files\n", files);
  return files == 0 ? 1 : 0;
}
