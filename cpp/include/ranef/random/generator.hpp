#pragma once
// The source of random bits: xoshiro256++, and what every draw starts from, numbers uniform on (0, 1).
//
// A seed names many streams that share nothing, so that rows or replicates have numbers of their own and the result
// does not depend on how they are divided over threads:
//
//     Rng rng(seed, replicate);
//     const double u = rng.uniform();
//
// The state is filled by splitmix64 from seed and stream. Unlike the distributions of <random>, whose algorithms are
// each library's own, the same seed gives the same numbers everywhere.
//
// Reference: Blackman & Vigna (2021), Scrambled linear pseudorandom number generators, ACM TOMS 47, 36.

#include <array>
#include <cstdint>
#include <limits>

namespace ranef {

class Rng {
 public:
  using result_type = std::uint64_t;

  explicit Rng(std::uint64_t seed, std::uint64_t stream = 0) {
    std::uint64_t from_stream = stream;
    std::uint64_t counter = seed ^ split_mix(from_stream);
    for (std::uint64_t& word : state_) word = split_mix(counter);
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    const std::uint64_t result = rotated(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotated(state_[3], 45);
    return result;
  }

  /// Uniform on (0, 1): neither end is drawn.
  double uniform() { return (double((*this)() >> 12U) + 0.5) * 0x1p-52; }

 private:
  static std::uint64_t rotated(std::uint64_t x, unsigned k) { return (x << k) | (x >> (64U - k)); }

  /// The next number of the splitmix64 sequence; moves the counter.
  static std::uint64_t split_mix(std::uint64_t& counter) {
    std::uint64_t z = (counter += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace ranef
