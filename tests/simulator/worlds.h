// Streams of comparisons with known truth: what a candidate, its control and the original
// would do, without any server. Each world is one way in which production misleads.
//
// Deterministic for a seed. Used by the simulator's tests and by its long form.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>
#include <vector>

#include "agent/results/noise.h"

namespace shadowtap::simulator {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}
  std::uint64_t next() {  // splitmix64
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return uniform() < p; }
  double exponential(double mean) { return -mean * std::log(1 - uniform()); }

 private:
  std::uint64_t state_;
};

// One comparison, ready for Noise.
struct Step {
  WallTime time;
  std::uint64_t key = 0;
  bool control_speaks = true;
  std::vector<results::Hit> candidate, control;  // sorted by place
};

class World {
 public:
  virtual ~World() = default;
  virtual void next(Step& step) = 0;
};

// 200 paths that differ at random on both sides: 50 each at 0.1, 2, 20 and 60 %. `planted`
// adds a difference of the candidate's own at one more path, itself noisy at `under`.
struct Mixed {
  std::size_t noisy_paths = 200;
  double planted = 0;
  double under = 0;
};
std::unique_ptr<World> mixed_world(std::uint64_t seed, const Mixed& mixed);

// One value that moves on by itself every ~20 ms; whoever is asked later sees it later.
// `fair`: the order of the two is drawn; else the secondary always goes first.
std::unique_ptr<World> drifting_world(std::uint64_t seed, bool fair);

// 20 keys whose answers each instance caches for a minute.
std::unique_ptr<World> cached_world(std::uint64_t seed);

// Candidate and secondary share a cache: the first to ask misses, the second hits.
std::unique_ptr<World> shared_cache_world(std::uint64_t seed);

// As drifting, and the candidate's send is held up more often than the secondary's; beyond
// 5 ms the secondary does not speak.
std::unique_ptr<World> skewed_world(std::uint64_t seed);

}  // namespace shadowtap::simulator
