// The web page and its files. They tell nothing without the API's answers.
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

}  // namespace

void add_page(Router& router) {
  for (const web::Asset& asset : web::assets()) {
    const std::string path = asset.name == "index.html" ? "/" : "/web/" + std::string(asset.name);
    router.add("GET", path, [&asset](const Request&) { return show(asset); });
  }
}

}  // namespace shadowtap::api
