#include "agent/shadow/dispatcher.h"

#include "agent/shadow/service_dispatcher.h"

namespace shadowtap::shadow {

Result<std::unique_ptr<Dispatcher>> make_dispatcher(
    boost::asio::io_context& io, ServiceContext context, SelectOptions select,
    DispatchOptions dispatch, std::vector<TargetOptions> targets, AnswerSink& sink) {
  auto filter = Filter::create(select, 1.0 / context.shards);
  if (!filter) return filter.error();
  auto made = std::make_unique<ServiceDispatcher>(
      io, std::move(context), std::move(select), std::move(dispatch), std::move(*filter), sink);
  for (const TargetOptions& target : targets) {
    if (auto put = made->put_target(target); !put) return put.error();
  }
  return std::unique_ptr<Dispatcher>(std::move(made));
}

Result<> validate(const SelectOptions& select) {
  auto filter = Filter::create(select);
  if (!filter) return filter.error();
  return {};
}

Result<> validate(const TargetOptions& target) {
  auto url = TargetUrl::parse(target.url);
  if (!url) return url.error();
  auto outgoing = Outgoing::create(target, *url, Trace::kNew);
  if (!outgoing) return outgoing.error();
  if (url->scheme != TargetUrl::Scheme::kHttps) return {};
  auto tls = TlsContext::create(target.tls, url->host);
  if (!tls) return tls.error();
  return {};
}

}  // namespace shadowtap::shadow
