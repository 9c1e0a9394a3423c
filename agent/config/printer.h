// Makes a Node of described fields: the effective configuration, the overlay's values.
#pragma once

#include "agent/config/fields.h"
#include "agent/config/node.h"

namespace shadowtap::config {

enum class Secrets : std::uint8_t { kHidden, kShown };  // ***, or as they are

class Printer final : public Fields {
 public:
  explicit Printer(Secrets secrets) : secrets_(secrets) { map_.kind = Node::Kind::kMap; }

  void scalar(std::string_view key, const Scalar& scalar) override;
  void group(std::string_view key, bool present,
             const std::function<void(Fields&)>& describe) override;
  void list(std::string_view key, const List& list) override;
  void words(std::string_view key, const Words& words) override;
  bool is_word(std::string_view, bool now) const override { return now; }
  void require(std::string_view) override {}
  void complain(std::string_view, const std::string&) override {}

  Node take() { return std::move(map_); }

 private:
  Secrets secrets_;
  Node map_;
};

// A described struct as a map. `value` is not changed (describe() takes it by reference
// because it also reads).
template <class T>
Node to_node(T value, Secrets secrets, void (*describe)(Fields&, T&)) {
  Printer printer(secrets);
  describe(printer, value);
  return printer.take();
}

}  // namespace shadowtap::config
