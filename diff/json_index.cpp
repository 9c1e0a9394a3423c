#include "diff/json_index.h"

#include <simdjson.h>

namespace shadowtap::diff {

struct JsonIndex::Kernel {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

JsonIndex::JsonIndex() : kernel_(std::make_unique<Kernel>()) {}
JsonIndex::~JsonIndex() = default;

bool JsonIndex::build(std::string_view text) {
  auto& parser = kernel_->parser;
  // The second stage alone needs depth; it is ours (json_parser.h).
  if (simdjson::get_active_implementation()->create_dom_parser_implementation(
          text.size() + 1, 1, parser) != simdjson::SUCCESS) {
    return false;
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
