#include "agent/api/notifier.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>
#include <random>

#include "agent/api/access.h"
#include "agent/api/client.h"
#include "agent/api/shapes.h"
#include "agent/base/log.h"
#include "agent/base/spawn.h"

namespace shadowtap::api {

namespace asio = boost::asio;

struct Delivery {
  std::string id;
  std::string body;
};

struct NotifierState {
  NotifierState(asio::io_context& context, NotifierOptions given)
      : options(std::move(given)), timer(context) {}

  NotifierOptions options;
  Url url;
  std::string secret;
  std::deque<Delivery> waiting;
  asio::steady_timer timer;  // the pause between tries; while idle, until notify() cancels it
  NotifierCounts counts;
  std::mt19937_64 random{std::random_device{}()};
  bool stopped = false;
};

namespace {

using State = std::shared_ptr<NotifierState>;
constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

std::string hex(const unsigned char* bytes, std::size_t size) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < size; ++i) {
    out += kDigits[bytes[i] >> 4];
    out += kDigits[bytes[i] & 15];
  }
  return out;
}

std::string base64(const std::string& text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string body_of(const results::VerdictChange& change) {
  json::object body;
  body["schema"] = 1;
  body["event"] = "verdict";
  body["service"] = shown(change.service);
  body["before"] = shown(change.before);
  body["after"] = shown(change.after);
  body["time"] = to_rfc3339(change.time);
  body["verdict"] = to_json(change.answer);
  return to_text(body);
}

OutgoingCall call_of(const NotifierState& state, const Delivery& delivery) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const std::string timestamp =
      std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count());
  OutgoingCall call;
  call.url = state.url;
  call.method = "POST";
  call.timeout = state.options.timeout;
  call.max_answer_bytes = 64 << 10;
  call.body = delivery.body;
  call.headers = {{"Content-Type", "application/json"},
                  {"User-Agent", "shadowtap"},
                  {"X-Shadowtap-Delivery", delivery.id},
                  {"X-Shadowtap-Timestamp", timestamp}};
  if (!state.secret.empty()) {
    call.headers.emplace_back("X-Shadowtap-Signature",
                              sign(state.secret, timestamp, delivery.body));
  }
  if (!state.url.user_info.empty()) {
    call.headers.emplace_back("Authorization", "Basic " + base64(state.url.user_info));
  }
  return call;
}

enum class Tried { kDelivered, kRefused, kAgain };

Tried judge(const Result<CallAnswer>& answer) {
  if (!answer) return Tried::kAgain;
  const unsigned status = answer->status;
  if (status / 100 == 2) return Tried::kDelivered;
  const bool temporary = status >= 500 || status == 408 || status == 425 || status == 429;
  return temporary ? Tried::kAgain : Tried::kRefused;
}

// Half of the pause is drawn, so that many agents do not come back at once.
Duration with_jitter(Duration pause, std::mt19937_64& random) {
  std::uniform_int_distribution<std::int64_t> half(0, pause.count() / 2);
  return pause / 2 + Duration(half(random));
}

asio::awaitable<Tried> deliver(State state, Delivery delivery) {
  Duration pause = state->options.first_pause;
  for (std::uint32_t attempt = 1;; ++attempt) {
    const Tried tried = judge(co_await perform(call_of(*state, delivery)));
    if (tried != Tried::kAgain || attempt >= state->options.attempts || state->stopped) {
      co_return tried;
    }
    state->timer.expires_after(with_jitter(pause, state->random));
    // notify() may cancel the timer: the pause still holds.
    while (state->timer.expiry() > std::chrono::steady_clock::now() && !state->stopped) {
      const Time until = state->timer.expiry();
      co_await state->timer.async_wait(kAwait);
      if (!state->stopped) state->timer.expires_at(until);
    }
    pause = std::min(pause * 2, state->options.longest_pause);
  }
}

asio::awaitable<void> deliver_all(State state) {
  while (!state->stopped) {
    if (state->waiting.empty()) {
      state->timer.expires_at(Time::max());
      co_await state->timer.async_wait(kAwait);
      continue;
    }
    Delivery next = std::move(state->waiting.front());
    state->waiting.pop_front();
    const Tried tried = co_await deliver(state, std::move(next));
    if (tried == Tried::kDelivered) {
      ++state->counts.delivered;
    } else {
      ++state->counts.failed;
      spdlog::warn("webhook {}: a verdict change could not be delivered", state->url.authority());
    }
  }
}

}  // namespace

Result<std::unique_ptr<Notifier>> Notifier::start(asio::io_context& io,
                                                  const NotifierOptions& options) {
  auto url = Url::parse(options.url);
  if (!url) return url.error();
  const auto state = std::make_shared<NotifierState>(io, options);
  state->url = std::move(*url);
  if (!options.secret_file.empty()) {
    auto secret = read_token(options.secret_file);
    if (!secret) return secret.error();
    state->secret = std::move(*secret);
  }
  spawn(io.get_executor(), "webhook", deliver_all(state));
  return std::unique_ptr<Notifier>(new Notifier(state));
}

Notifier::~Notifier() { stop(); }

void Notifier::notify(const results::VerdictChange& change) {
  std::array<unsigned char, 16> id{};
  std::generate(id.begin(), id.end(),
                [this] { return static_cast<unsigned char>(state_->random()); });
  if (state_->waiting.size() >= state_->options.max_waiting) {
    state_->waiting.pop_front();
    ++state_->counts.dropped;
  }
  state_->waiting.push_back({hex(id.data(), id.size()), body_of(change)});
  state_->timer.cancel();
}

NotifierCounts Notifier::counts() const { return state_->counts; }

void Notifier::stop() {
  state_->stopped = true;
  state_->timer.cancel();
}

std::string sign(const std::string& secret, const std::string& timestamp, const std::string& body) {
  const std::string text = timestamp + "." + body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  ::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &size);
  return "sha256=" + hex(digest.data(), size);
}

}  // namespace shadowtap::api
