#include "tests/simulator/worlds.h"

#include <algorithm>
#include <array>

namespace shadowtap::simulator {
namespace {

using results::Hit;

constexpr double kPerSecond = 100;
constexpr WallTime kStart{Duration(std::chrono::seconds(1'750'000'000))};

WallTime at(double seconds) {
  return kStart + Duration(static_cast<std::int64_t>(seconds * 1e9));
}

Hit hit(std::uint32_t path, std::uint64_t original, std::uint64_t other) {
  Hit made;
  made.path = path + 1;  // 0 is `other`
  made.left = original;
  made.right = other;
  return made;
}

class Base : public World {
 public:
  explicit Base(std::uint64_t seed) : random_(seed) {}

 protected:
  void begin(Step& step) {
    seconds_ += random_.exponential(1 / kPerSecond);
    step.time = at(seconds_);
    step.key = random_.next() | 1;
    step.control_speaks = true;
    step.candidate.clear();
    step.control.clear();
  }

  Random random_;
  double seconds_ = 0;
};

class MixedWorld : public Base {
 public:
  MixedWorld(std::uint64_t seed, const Mixed& mixed) : Base(seed), mixed_(mixed) {
    constexpr std::array kRates{.001, .02, .2, .6};
    for (std::size_t i = 0; i < mixed.noisy_paths; ++i) rates_.push_back(kRates[i % kRates.size()]);
  }

  void next(Step& step) override {
    begin(step);
    for (std::uint32_t i = 0; i < rates_.size(); ++i) differ(step, i, rates_[i], 0);
    if (mixed_.planted > 0) {
      differ(step, static_cast<std::uint32_t>(rates_.size()), mixed_.under, mixed_.planted);
    }
  }

 private:
  void differ(Step& step, std::uint32_t path, double noise, double planted) {
    const bool candidate = random_.chance(noise) || (planted > 0 && random_.chance(planted));
    if (candidate) step.candidate.push_back(hit(path, 1, random_.next()));
    if (random_.chance(noise)) step.control.push_back(hit(path, 1, random_.next()));
  }

  Mixed mixed_;
  std::vector<double> rates_;
};

class DriftingWorld : public Base {
 public:
  DriftingWorld(std::uint64_t seed, bool fair, bool skewed)
      : Base(seed), fair_(fair), skewed_(skewed) {}

  void next(Step& step) override {
    begin(step);
    const bool candidate_first = fair_ && random_.chance(.5);
    double candidate = .002 + random_.exponential(.001);  // when it reads the value
    double secondary = .002 + random_.exponential(.001);
    (candidate_first ? secondary : candidate) += .001;
    double skew = candidate_first ? .0001 : -.0001;
    if (skewed_) {
      const double held_up = random_.chance(.05) ? random_.exponential(.02) : 0;
      candidate += held_up;
      skew += held_up;
    }
    step.control_speaks = std::abs(skew) <= .005;
    const std::uint64_t original = version(seconds_);
    const std::uint64_t c = version(seconds_ + candidate);
    const std::uint64_t s = version(seconds_ + secondary);
    if (c != original) step.candidate.push_back(hit(0, original, c));
    if (s != original) step.control.push_back(hit(0, original, s));
  }

 private:
  // The number of changes until then; changes come every 20 ms on average.
  std::uint64_t version(double seconds) {
    while (changes_.empty() || changes_.back() < seconds) {
      changes_.push_back((changes_.empty() ? 0 : changes_.back()) + random_.exponential(.02));
    }
    return static_cast<std::uint64_t>(
        std::upper_bound(changes_.begin(), changes_.end(), seconds) - changes_.begin());
  }

  bool fair_;
  bool skewed_;
  std::vector<double> changes_;
};

class CachedWorld : public Base {
 public:
  explicit CachedWorld(std::uint64_t seed) : Base(seed) {
    for (Cache& cache : caches_) {
      cache.refilled.fill(-1000);
      for (double& offset : cache.refilled) offset -= random_.uniform() * 60;
    }
  }

  void next(Step& step) override {
    begin(step);
    const std::size_t key = random_.next() % kKeys;
    step.key = key + 1;
    const std::uint64_t original = read(caches_[0], key);
    const std::uint64_t c = read(caches_[1], key);
    const std::uint64_t s = read(caches_[2], key);
    if (c != original) step.candidate.push_back(hit(0, original, c));
    if (s != original) step.control.push_back(hit(0, original, s));
  }

 private:
  static constexpr std::size_t kKeys = 20;
  struct Cache {
    std::array<double, kKeys> refilled;
    std::array<std::uint64_t, kKeys> value{};
  };

  // The content behind changes every 30 s; a cache holds what it read for a minute.
  std::uint64_t read(Cache& cache, std::size_t key) {
    if (seconds_ - cache.refilled[key] > 60) {
      cache.refilled[key] = seconds_;
      cache.value[key] = static_cast<std::uint64_t>(seconds_ / 30) * 100 + key + 1;
    }
    return cache.value[key];
  }

  std::array<Cache, 3> caches_;
};

class SharedCacheWorld : public Base {
 public:
  using Base::Base;

  void next(Step& step) override {
    begin(step);
    const bool candidate_first = random_.chance(.5);
    auto& first = candidate_first ? step.candidate : step.control;
    first.push_back(hit(0, 1, 2));  // "x-cache: MISS" where the original had a hit
    if (random_.chance(.1)) {       // what was filled in differs, and both get it
      const std::uint64_t value = random_.next();
      step.candidate.push_back(hit(1, 1, value));
      step.control.push_back(hit(1, 1, value));
    }
  }
};

}  // namespace

std::unique_ptr<World> mixed_world(std::uint64_t seed, const Mixed& mixed) {
  return std::make_unique<MixedWorld>(seed, mixed);
}
std::unique_ptr<World> drifting_world(std::uint64_t seed, bool fair) {
  return std::make_unique<DriftingWorld>(seed, fair, false);
}
std::unique_ptr<World> cached_world(std::uint64_t seed) {
  return std::make_unique<CachedWorld>(seed);
}
std::unique_ptr<World> shared_cache_world(std::uint64_t seed) {
  return std::make_unique<SharedCacheWorld>(seed);
}
std::unique_ptr<World> skewed_world(std::uint64_t seed) {
  return std::make_unique<DriftingWorld>(seed, true, true);
}

}  // namespace shadowtap::simulator
