#include "agent/demo/shop.h"

#include <fmt/format.h>

#include <charconv>

namespace shadowtap::demo {
namespace {

std::uint64_t mix(std::uint64_t x) {  // splitmix64's finaliser
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Planted noise, in every release: when it was made and by which request.
std::string meta(std::uint64_t noise) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  return fmt::format(R"("meta":{{"generatedAt":"{}.{:09}","requestId":"{:016x}"}})",
                     ns / 1'000'000'000, ns % 1'000'000'000, mix(noise));
}

std::uint64_t id_of(std::string_view path, std::string_view prefix) {
  std::uint64_t id = 0;
  const std::string_view digits = path.substr(prefix.size());
  std::from_chars(digits.data(), digits.data() + digits.size(), id);
  return id;
}

// Planted: the candidate computes another price.
ShopAnswer product(bool candidate, std::uint64_t id, std::uint64_t noise) {
  const std::uint64_t cents = 500 + id * 37 % 9000 + (candidate ? 1 : 0);
  return {200, fmt::format(R"({{"id":{},"name":"Product {}","price":{}.{:02},"stock":{},{}}})", id,
                           id, cents / 100, cents % 100, id % 13, meta(noise)),
          {}};
}

// Planted: the candidate leaves out the e-mail address.
ShopAnswer user(bool candidate, std::uint64_t id, std::uint64_t noise) {
  const std::string email = candidate ? "" : fmt::format(R"("email":"user{}@example.com",)", id);
  return {200, fmt::format(R"({{"id":{},{}"plan":"{}",{}}})", id, email,
                           id % 3 == 0 ? "gold" : "basic", meta(noise)),
          {}};
}

// Planted: the candidate returns the tags in another order.
ShopAnswer search(bool candidate, std::uint64_t noise) {
  const std::string_view tags = candidate ? R"(["sale","new","garden"])" : R"(["new","sale","garden"])";
  return {200, fmt::format(R"({{"query":"chairs","tags":{},"hits":3,{}}})", tags, meta(noise)), {}};
}

// Planted: the candidate answers 500.
ShopAnswer invoice(bool candidate, std::uint64_t id, std::uint64_t noise) {
  if (candidate) return {500, fmt::format(R"({{"error":"internal",{}}})", meta(noise)), {}};
  return {200, fmt::format(R"({{"invoice":{},"total":{},{}}})", id, 10 * id, meta(noise)), {}};
}

// Planted: the candidate is slow.
ShopAnswer stats(bool candidate, std::uint64_t noise) {
  return {200, fmt::format(R"({{"visitors":1284,{}}})", meta(noise)),
          std::chrono::milliseconds(candidate ? 25 : 1)};
}

}  // namespace

ShopAnswer answer(Release release, const ShopRequest& request, std::uint64_t noise) {
  const bool candidate = release == Release::kCandidate;
  const std::string_view path = request.path;
  if (path.starts_with("/products/")) return product(candidate, id_of(path, "/products/"), noise);
  if (path.starts_with("/users/")) return user(candidate, id_of(path, "/users/"), noise);
  if (path == "/search") return search(candidate, noise);
  if (path.starts_with("/invoices/")) return invoice(candidate, id_of(path, "/invoices/"), noise);
  if (path == "/stats") return stats(candidate, noise);
  if (path == "/health") return {200, R"({"ok":true})", {}};
  if (path == "/orders" && request.method == "POST") {
    return {201, fmt::format(R"({{"accepted":true,"bytes":{},{}}})", request.body.size(), meta(noise)),
            {}};
  }
  return {404, fmt::format(R"({{"error":"no such page",{}}})", meta(noise)), {}};
}

}  // namespace shadowtap::demo
