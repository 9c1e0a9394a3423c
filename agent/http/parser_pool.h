// Message parsers that are not in use, so that a connection between messages costs
// nothing and a message costs no allocation of its parser. One per shard.
#pragma once

#include <memory>
#include <vector>

#include "agent/http/message_parser.h"

namespace shadowtap::http {

class ParserPool {
 public:
  explicit ParserPool(const ParserOptions& options) : options_(options) {}

  std::unique_ptr<MessageParser> take() {
    if (free_.empty()) return std::make_unique<MessageParser>(options_);
    auto parser = std::move(free_.back());
    free_.pop_back();
    return parser;
  }
  void give(std::unique_ptr<MessageParser> parser) {
    if (!parser || free_.size() >= kKept) return;
    if (parser->options().max_body_bytes != options_.max_body_bytes) return;
    parser->forget();
    free_.push_back(std::move(parser));
  }

  // Of messages that begin from now on; never less than before.
  void keep_bodies_up_to(std::size_t bytes) {
    if (bytes <= options_.max_body_bytes) return;
    options_.max_body_bytes = bytes;
    free_.clear();
  }

 private:
  static constexpr std::size_t kKept = 256;
  ParserOptions options_;
  std::vector<std::unique_ptr<MessageParser>> free_;
};

}  // namespace shadowtap::http
