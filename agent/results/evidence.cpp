#include "agent/results/evidence.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace shadowtap::results {
namespace {

constexpr std::array kThetas{.51, .52, .54, .58, .66, .82, .95, .999};
constexpr std::array kLambdas{.003, .01, .03, .1, .3, .6, .95};

struct Logs {
  std::array<double, kThetas.size()> win;
  std::array<double, kThetas.size()> lose;
};

Logs logs_of_thetas() {
  Logs logs{};
  for (std::size_t i = 0; i < kThetas.size(); ++i) {
    logs.win[i] = std::log(2 * kThetas[i]);
    logs.lose[i] = std::log(2 * (1 - kThetas[i]));
  }
  return logs;
}

// ln of the mean of exp(terms), of which `n` stand for themselves and the rest are 0.
template <std::size_t N>
double log_mean(const std::array<double, N>& terms, std::size_t n) {
  const double top = *std::max_element(terms.begin(), terms.begin() + static_cast<long>(n));
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += std::exp(terms[i] - top);
  return top + std::log(sum / static_cast<double>(N));
}

double times(std::uint64_t n, double log_factor) {
  return n == 0 ? 0 : static_cast<double>(n) * log_factor;
}

}  // namespace

double log_evidence(std::uint64_t s, std::uint64_t f) {
  static const Logs logs = logs_of_thetas();
  std::array<double, kThetas.size()> terms{};
  for (std::size_t i = 0; i < terms.size(); ++i) {
    terms[i] = times(s, logs.win[i]) + times(f, logs.lose[i]);
  }
  return log_mean(terms, terms.size());
}

double log_weight(std::uint64_t i) {
  const auto b = static_cast<double>(std::bit_width(i)) - 1;
  return -(b * std::log(2.0) + std::log(b + 1.0) + std::log(b + 2.0));
}

double log_evidence_above(const NetCounts& counts, double limit) {
  std::array<double, kLambdas.size()> terms{};
  std::size_t n = 0;
  for (const double l : kLambdas) {
    if (l >= 1 / (1 + limit)) continue;  // a factor would not be positive
    terms[n++] = times(counts.plus, std::log1p(l * (1 - limit))) +
                 times(counts.minus, std::log1p(-l * (1 + limit))) +
                 times(counts.zero, std::log1p(-l * limit));
  }
  return n == 0 ? 0 : log_mean(terms, n);
}

double log_evidence_below(const NetCounts& counts, double limit) {
  std::array<double, kLambdas.size()> terms{};
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const double l = kLambdas[i];
    const double plus = 1 - l * (1 - limit);
    if (counts.plus > 0 && plus <= 0) {
      terms[i] = -std::numeric_limits<double>::infinity();
      continue;
    }
    terms[i] = times(counts.plus, std::log(plus)) +
               times(counts.minus, std::log1p(l * (1 + limit))) +
               times(counts.zero, std::log1p(l * limit));
  }
  return log_mean(terms, terms.size());
}

}  // namespace shadowtap::results
