#include "agent/api/problem.h"

#include "agent/api/json.h"

namespace shadowtap::api {

std::string_view status_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 406: return "Not Acceptable";
    case 409: return "Conflict";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 425: return "Too Early";
    case 431: return "Request Header Fields Too Large";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 507: return "Insufficient Storage";
    default: return "Error";
  }
}

Response problem(unsigned status, std::string_view detail, std::string_view type) {
  json::object body;
  body["type"] = type.empty() ? json::string("about:blank")
                              : json::string("urn:shadowtap:problem:" + std::string(type));
  body["title"] = status_phrase(status);
  body["status"] = status;
  body["detail"] = shown(detail);
  if (!type.empty()) body["code"] = type;
  return {status, "application/problem+json", to_text(body), {}};
}

}  // namespace shadowtap::api
