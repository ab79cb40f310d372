#pragma once
// Small models to evaluate objectives on.

#include <cmath>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "ranef/family/registry.hpp"
#include "ranef/model/model.hpp"

namespace ranef::test {

/// A source of numbers for data; the same on every platform but for the last
/// digit.
class Draws {
 public:
  explicit Draws(unsigned seed) : rng_(seed) {}
  double uniform(double low = -1.0, double high = 1.0) { return low + (high - low) * next(); }
  /// Sum of twelve uniforms less six: a normal number in all that matters here.
  double normal() {
    double sum = -6.0;
    for (int k = 0; k < 12; ++k) sum += next();
    return sum;
  }
  int below(int count) { return int(rng_() % unsigned(count)); }
  /// Counts by inversion.
  double poisson(double mean) {
    const double limit = std::exp(-mean);
    double product = next(), count = 0.0;
    for (; product > limit; product *= next()) count += 1.0;
    return count;
  }
  Vector uniforms(Index size, double low = -1.0, double high = 1.0) {
    Vector out(size);
    for (double& value : out) value = uniform(low, high);
    return out;
  }

 private:
  double next() { return (double(rng_()) + 0.5) / 4294967296.0; }
  std::mt19937 rng_;
};

inline std::shared_ptr<const Likelihood> likelihood(const std::string& family, Link link, bool zero_inflated = false) {
  const std::vector<FamilyInfo> infos = families();
  for (std::size_t f = 0; f < infos.size(); ++f)
    if (infos[f].name == family) return make_likelihood({int(f), int(link), false, zero_inflated});
  throw std::logic_error("no family " + family);
}

/// Intercept and a covariate far from its mean, so that columns are nothing
/// like orthogonal.
inline Matrix intercept_and_slope(const Vector& x) {
  Matrix out(x.size(), 2);
  out.col(0).setOnes();
  out.col(1) = x.array() + 3.0;
  return out;
}

inline PredictorInput constant_predictor(Index rows) { return {Matrix::Ones(rows, 1), {}}; }

inline std::vector<int> random_levels(Index rows, int count, Draws& draws) {
  std::vector<int> out;
  for (Index i = 0; i < rows; ++i) out.push_back(i < count ? int(i) : draws.below(count));
  return out;
}

inline RandomTermInput intercept_term(std::vector<int> levels, int count, int predictor = 0) {
  RandomTermInput out;
  out.predictor = predictor;
  out.levels = std::move(levels);
  out.level_count = count;
  return out;
}

inline RandomTermInput slope_term(std::vector<int> levels, int count, const Matrix& basis,
                                  const std::string& structure = "us", int predictor = 0) {
  RandomTermInput out = intercept_term(std::move(levels), count, predictor);
  out.basis = basis;
  out.structure = structure;
  return out;
}

inline RandomTermInput indicator_term(std::vector<int> levels, int count, std::vector<int> column, int columns,
                                      const std::string& structure) {
  RandomTermInput out = intercept_term(std::move(levels), count);
  out.column = std::move(column);
  out.column_count = columns;
  out.structure = structure;
  return out;
}

/// Terms of every kind, crossed: correlated slopes, an intercept, a serial and
/// a compound-symmetric term.
inline std::vector<RandomTermInput> terms_of_every_kind(Index rows, const Vector& x, Draws& draws) {
  return {slope_term(random_levels(rows, 9, draws), 9, intercept_and_slope(x)),
          intercept_term(random_levels(rows, 5, draws), 5),
          indicator_term(random_levels(rows, 3, draws), 3, random_levels(rows, 6, draws), 6, "ar1"),
          indicator_term(random_levels(rows, 4, draws), 4, random_levels(rows, 3, draws), 3, "cs")};
}

inline Index theta_size(const std::vector<RandomTerm>& terms) {
  Index size = 0;
  for (const RandomTerm& term : terms) size += term.covariance->parameter_count();
  return size;
}

}  // namespace ranef::test
