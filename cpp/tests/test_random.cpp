// Distributions of the draws against their cumulative probabilities; streams; ends of the parameters.

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "ranef/random/counts.hpp"
#include "ranef/random/gamma.hpp"
#include "ranef/simulated_ranks.hpp"
#include "support/check.hpp"
#include "support/laws_family.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr int kDraws = 200000;
/// Kolmogorov's statistic sqrt(n) D exceeds it with probability 2e-5; less for counts.
constexpr double kLargestDistance = 2.4;

using Draw = std::function<double(Rng&)>;
using Cdf = std::function<double(double)>;

std::vector<double> sorted_draws(const Draw& draw, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<double> x(kDraws);
  for (double& value : x) value = draw(rng);
  std::sort(x.begin(), x.end());
  return x;
}

/// Largest difference of the empirical from the stated distribution function, at continuous draws.
void follows(const Draw& draw, const Cdf& cdf, const std::string& name) {
  const std::vector<double> x = sorted_draws(draw, 11);
  double distance = 0.0;
  for (int i = 0; i < kDraws; ++i) {
    const double p = cdf(x[std::size_t(i)]);
    distance = std::max({distance, p - double(i) / kDraws, double(i + 1) / kDraws - p});
  }
  check(std::sqrt(double(kDraws)) * distance < kLargestDistance, name + ": distance " + std::to_string(distance));
}

/// The same at counts with these probabilities of 0, 1, 2, ...
void follows_counts(const Draw& draw, const Cdf& probability, const std::string& name) {
  const std::vector<double> x = sorted_draws(draw, 13);
  double cumulative = 0.0, distance = 0.0;
  for (double y = 0.0; y <= x.back(); y += 1.0) {
    cumulative += probability(y);
    const auto below = std::upper_bound(x.begin(), x.end(), y) - x.begin();
    distance = std::max(distance, std::abs(double(below) / kDraws - cumulative));
  }
  check(std::sqrt(double(kDraws)) * distance < kLargestDistance, name + ": distance " + std::to_string(distance));
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

void test_continuous() {
  run("uniform numbers are uniform",
      [] { follows([](Rng& rng) { return rng.uniform(); }, [](double u) { return u; }, "uniform"); });
  run("normal numbers are normal, far out too", [] {
    follows([](Rng& rng) { return draw_normal(rng); }, normal_cdf, "normal");
    Rng rng(3);
    int beyond = 0;
    for (int i = 0; i < 4000000; ++i) beyond += std::abs(draw_normal(rng)) > 3.8;
    const double expected = 4e6 * 2.0 * normal_cdf(-3.8);
    check(std::abs(beyond - expected) < 5.0 * std::sqrt(expected), "beyond 3.8: " + std::to_string(beyond));
  });
  run("gamma numbers are gamma", [] {
    follows([](Rng& rng) { return draw_gamma(0.5, 1.0, rng); }, [](double x) { return std::erf(std::sqrt(0.5 * x)); },
            "shape 1/2");
    follows([](Rng& rng) { return draw_gamma(1.0, 2.0, rng); }, [](double x) { return -std::expm1(-0.5 * x); },
            "shape 1");
    follows([](Rng& rng) { return draw_gamma(3.0, 3.0, rng); },
            [](double x) { return 1.0 - std::exp(-x) * (1.0 + x + 0.5 * x * x); }, "shape 3");
    Rng rng(17);  // P(X < x) = x^a / Gamma(a + 1) near zero
    const double p = std::pow(1e-200, 0.01) / std::exp(std::lgamma(1.01));
    int below = 0;
    for (int i = 0; i < kDraws; ++i) below += draw_log_gamma(0.01, rng) < std::log(1e-200);
    check(std::abs(below - kDraws * p) < 5.0 * std::sqrt(kDraws * p * (1.0 - p)), "shape 1/100: logarithms");
  });
  run("beta numbers are beta", [] {
    follows([](Rng& rng) { return draw_beta(2.0, 3.0, rng); },
            [](double x) { return x * x * (6.0 - 8.0 * x + 3.0 * x * x); }, "beta(2, 3)");
    follows([](Rng& rng) { return draw_beta(0.5, 0.5, rng); },
            [](double x) { return 2.0 / M_PI * std::asin(std::sqrt(x)); }, "beta(1/2, 1/2)");
    follows([](Rng& rng) { return draw_beta(0.04, 1.0, rng); }, [](double x) { return std::pow(x, 0.04); },
            "beta(1/25, 1), by logarithms");
  });
}

void test_counts() {
  run("Poisson counts are Poisson, by search and by rejection", [] {
    for (const double mean : {0.02, 0.8, 9.9, 10.1, 35.0, 800.0}) {
      follows_counts([mean](Rng& rng) { return draw_poisson(mean, rng); },
                     [mean](double y) { return std::exp(y * std::log(mean) - mean - std::lgamma(y + 1.0)); },
                     "mean " + std::to_string(mean));
    }
  });
  run("binomial counts are binomial, by search and by rejection", [] {
    for (const double n : {1.0, 7.0, 60.0, 3000.0}) {
      for (const double p : {0.003, 0.3, 0.5, 0.97}) {
        const auto probability = [n, p](double y) {
          if (y > n) return 0.0;
          return std::exp(std::lgamma(n + 1.0) - std::lgamma(y + 1.0) - std::lgamma(n - y + 1.0) + y * std::log(p) +
                          (n - y) * std::log1p(-p));
        };
        follows_counts([n, p](Rng& rng) { return draw_binomial(n, p, rng); }, probability,
                       std::to_string(n) + " trials, p " + std::to_string(p));
      }
    }
  });
  run("logarithmic counts are logarithmic", [] {
    const double L = 0.9, q = -std::expm1(-L);
    follows_counts([L](Rng& rng) { return draw_log_series(L, rng); },
                   [L, q](double y) { return y > 0.0 ? std::pow(q, y) / (L * y) : 0.0; }, "L = 0.9");
  });
  run("positive Poisson counts are Poisson given that they are positive", [] {
    follows_counts(
        [](Rng& rng) { return draw_positive_poisson(0.7, rng); },
        [](double y) { return y > 0.0 ? std::exp(y * std::log(0.7) - std::lgamma(y + 1.0)) / std::expm1(0.7) : 0.0; },
        "mean 0.7");
  });
}

void test_ends() {
  run("draws are finite or NaN where the parameters are extreme", [] {
    Rng rng(5);
    check(std::isnan(draw_poisson(NAN, rng)) && std::isnan(draw_binomial(3.0, NAN, rng)), "NaN in, NaN out");
    check(std::isnan(draw_gamma(NAN, 1.0, rng)) && std::isnan(draw_beta(NAN, 1.0, rng)), "NaN in, NaN out");
    check(draw_poisson(0.0, rng) == 0.0 && draw_gamma(0.0, 1.0, rng) == 0.0, "zero");
    check(draw_gamma(INFINITY, 2.5, rng) == 2.5, "no variation");
    check(std::abs(draw_poisson(1e12, rng) / 1e12 - 1.0) < 1e-5, "a huge mean");
    check(std::abs(draw_binomial(1e12, 0.25, rng) / 2.5e11 - 1.0) < 1e-5, "huge trials");
    check(draw_binomial(9.0, 0.0, rng) == 0.0 && draw_binomial(9.0, 1.0, rng) == 9.0, "certain");
    for (int i = 0; i < 200; ++i) {
      const double tiny = draw_beta(1e-6, 1e-6, rng);
      check(tiny > 0.0 && tiny < 1.0, "inside (0, 1)");
      check(std::isfinite(draw_log_gamma(1e-8, rng)), "a finite logarithm");
    }
  });
}

void test_streams() {
  run("a seed gives the same numbers again, streams and seeds others", [] {
    Rng first(7, 1), again(7, 1), stream(7, 2), seed(8, 1);
    int equal = 0;
    for (int i = 0; i < 1000; ++i) {
      const std::uint64_t x = first();
      check(x == again(), "the same");
      equal += (x == stream()) + (x == seed());
    }
    check(equal == 0, "others");
  });
}

void counts_are_those_of_the_draws(const Subject& subject) {
  const Rows rows = subject.grid();
  const Index n = rows.size(), draws = 40;
  Matrix drawn(draws, n);
  simulated_draws(*subject.likelihood, rows.block(), draws, 3, drawn.data());
  const Vector centre = Vector::Constant(n, 0.4);
  const SimulatedRanks ranks = simulated_ranks(*subject.likelihood, rows.block(), centre.data(), draws, 3);
  for (Index i = 0; i < n; ++i) {
    const double y = rows.response[std::size_t(i)];
    check(ranks.less[i] == double((drawn.col(i).array() < y).count()), "less");
    check(ranks.equal[i] == double((drawn.col(i).array() == y).count()), "equal");
  }
  for (Index d = 0; d < draws; ++d) {
    const Eigen::ArrayXd residual = drawn.row(d).transpose().array() - 0.4;
    check(std::abs(ranks.sum[d] - residual.sum()) < 1e-9 * (1.0 + residual.abs().sum()), "sum");
    check(std::abs(ranks.sum_of_squares[d] - residual.square().sum()) < 1e-9 * (1.0 + residual.square().sum()),
          "sum of squares");
    check(ranks.zeros[d] == double((drawn.row(d).array() == 0.0).count()), "zeros");
  }
}

}  // namespace

int main() {
  test_continuous();
  test_counts();
  test_ends();
  test_streams();
  for_every_subject("counts are those of the draws", counts_are_those_of_the_draws);
  return finish();
}
