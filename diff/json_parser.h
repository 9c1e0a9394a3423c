// The JSON reader behind JsonDocument: goes over the tokens that JsonIndex found, once,
// without recursion, and keeps each value's text.
//
// Neither of simdjson's own second stages would do: the DOM loses the number's text and
// refuses integers from 2^64 on; On-Demand keeps it but can only be walked recursively,
// and in a build without -march it is compiled for its slowest kernel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "diff/json_document.h"

namespace shadowtap::diff {

// What a document is filled with.
class JsonBuilder {
 public:
  explicit JsonBuilder(JsonDocument& document) : document_(document) {}

  void begin(std::string_view source, std::size_t max_nodes);
  void finish(std::size_t size) { document_.size_ = size; }
  JsonNode* nodes() { return document_.nodes_.get(); }
  std::string& decoded() { return document_.decoded_; }

 private:
  JsonDocument& document_;
};

// `sequence`: any number of values, as the elements of an array.
JsonParsed parse_json(JsonBuilder builder, std::string_view text, std::uint64_t max_nodes,
                      bool sequence);

}  // namespace shadowtap::diff
