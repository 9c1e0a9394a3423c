#include "diff/json_index.h"

#include <simdjson.h>

#include <algorithm>

namespace shadowtap::diff {

struct JsonIndex::Kernel {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

namespace {

constexpr std::size_t kKeptCapacity = 1 << 20;

}  // namespace

std::unique_ptr<JsonIndex::Kernel>& JsonIndex::kept() {
  thread_local std::unique_ptr<Kernel> kernel;
  return kernel;
}

JsonIndex::JsonIndex() : kernel_(std::move(kept())) {
  if (!kernel_) kernel_ = std::make_unique<Kernel>();
}

JsonIndex::~JsonIndex() {
  const auto& parser = kernel_->parser;
  if (parser && parser->capacity() <= kKeptCapacity) kept() = std::move(kernel_);
}

bool JsonIndex::build(std::string_view text) {
  auto& parser = kernel_->parser;
  // simdjson's second stage alone needs depth; ours is in json_parser.h.
  if (!parser || parser->capacity() < text.size()) {
    const std::size_t capacity = std::max<std::size_t>(text.size(), 16 << 10);
    if (simdjson::get_active_implementation()->create_dom_parser_implementation(
            capacity, 1, parser) != simdjson::SUCCESS) {
      return false;
    }
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(text.data());
  if (parser->stage1(bytes, text.size(), simdjson::stage1_mode::regular) !=
      simdjson::SUCCESS) {
    return false;
  }
  tokens_ = {parser->structural_indexes.get(), parser->n_structural_indexes};
  return true;
}

}  // namespace shadowtap::diff
