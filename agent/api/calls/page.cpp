// The web page and its files, and the API's description.
#include "agent/api/calls/calls.h"
#include "agent/web/assets.h"

namespace shadowtap::api {
namespace {

constexpr const char* kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

Response show(const web::Asset& asset) {
  return {200,
          std::string(asset.content_type),
          std::string(asset.content),
          {{"Content-Security-Policy", kPolicy}, {"Referrer-Policy", "no-referrer"}}};
}

std::string path_of(std::string_view name) {
  if (name == "index.html") return "/";
  return (name == "openapi.json" ? "/api/v1/" : "/web/") + std::string(name);
}

}  // namespace

void add_page(Router& router) {
  for (const web::Asset& asset : web::assets()) {
    router.add("GET", path_of(asset.name), [&asset](const Request&) { return show(asset); });
  }
}

}  // namespace shadowtap::api
