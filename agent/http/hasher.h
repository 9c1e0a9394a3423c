// SHA-256 over bytes that come in pieces. Small; owns one OpenSSL context.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>

struct evp_md_ctx_st;

namespace shadowtap::http {

using Sha256 = std::array<std::uint8_t, 32>;

class Hasher {
 public:
  Hasher();
  void add(std::string_view bytes);
  // Ends it; add() no more.
  Sha256 finish();

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

Sha256 sha256(std::string_view bytes);

}  // namespace shadowtap::http
