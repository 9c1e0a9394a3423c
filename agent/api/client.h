// One HTTP call of ours to somebody else: the commands' to the API, a notification to its
// receiver. A connection a call, everything under one deadline, no redirects.
//
// call() blocks its thread; perform() is for a running io_context. Only a name's look-up
// can outlive the deadline (getaddrinfo cannot be cancelled).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "agent/api/request.h"
#include "agent/api/url.h"
#include "agent/base/result.h"
#include "agent/base/time.h"

namespace shadowtap::api {

using namespace std::chrono_literals;

struct OutgoingCall {
  Url url;
  std::string method = "GET";
  std::string target;   // replaces the URL's path where not empty
  NameValues headers;   // beside Host and Content-Length
  std::string body;
  Duration timeout = 10s;
  std::size_t max_answer_bytes = 64 << 20;
};

struct CallAnswer {
  unsigned status = 0;
  std::string content_type;
  std::string body;
  NameValues headers;  // all of them, trailers too, in their order
};

boost::asio::awaitable<Result<CallAnswer>> perform(OutgoingCall call);
Result<CallAnswer> call(OutgoingCall call);

// The API as the commands see it.
class Client {
 public:
  // `token_file` may be empty.
  static Result<Client> open(const std::string& api, const std::string& token_file);
  Result<CallAnswer> ask(const std::string& method, const std::string& target) const;

 private:
  Client(Url url, std::string token) : url_(std::move(url)), token_(std::move(token)) {}
  Url url_;
  std::string token_;
};

// "name=value" with what a query cannot hold encoded.
std::string query_pair(std::string_view name, std::string_view value);

}  // namespace shadowtap::api
