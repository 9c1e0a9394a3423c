#include "agent/commands/http_get.h"

#include "agent/api/client.h"

namespace shadowtap::commands {
namespace {

constexpr std::size_t kMaxAnswer = std::size_t{1} << 30;

}  // namespace

Result<http::Response> http_get(const std::string& url, Duration timeout) {
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    return plain_error(url + ": only http:// and https:// URLs can be fetched");
  }
  auto parsed = api::Url::parse(url);
  if (!parsed) return parsed.error();
  api::OutgoingCall call;
  call.url = std::move(*parsed);
  call.timeout = timeout;
  call.max_answer_bytes = kMaxAnswer;
  auto answer = api::call(std::move(call));
  if (!answer) return answer.error();

  http::Response response;
  response.status = static_cast<int>(answer->status);
  for (const auto& [name, value] : answer->headers) response.headers.append(name, value);
  response.body.size = answer->body.size();
  response.body.bytes = std::move(answer->body);
  return response;
}

}  // namespace shadowtap::commands
