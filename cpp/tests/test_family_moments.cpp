// Laws of the distributions, over the registry: total probability, mean, variance, simulation, deviance.

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "support/check.hpp"
#include "support/finite_difference.hpp"
#include "support/laws_family.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

struct Moments {
  double total = 0.0, mean = 0.0, variance = 0.0;
};

Moments stated(const Subject& subject, const Rows& row) {
  Moments m;
  subject.likelihood->moments(row.block(), &m.mean, &m.variance);
  return m;
}

/// Adds weight * density at the points of `visit` to the zeroth, first and second moments about `centre`.
class Accumulator {
 public:
  explicit Accumulator(double centre) : centre_(centre) {}
  void add(double y, double mass) {
    total_ += mass;
    first_ += mass * (y - centre_);
    second_ += mass * (y - centre_) * (y - centre_);
  }
  Moments moments() const {
    const double shift = first_ / total_;
    return {total_, centre_ + shift, second_ / total_ - shift * shift};
  }

 private:
  double centre_, total_ = 0.0, first_ = 0.0, second_ = 0.0;
};

/// By summation, or by the trapezoid rule after a substitution that takes the support to the real line, where it
/// converges faster than any power of the step.
Moments computed(const Subject& subject, Rows row, const Moments& about) {
  Accumulator sum(about.mean);
  if (subject.is_discrete()) {
    const double last = subject.info.has_trials ? row.trials[0] : 500.0;
    for (double y = subject.truncated && !subject.zero_inflated ? 1.0 : 0.0; y <= last; y += 1.0) {
      sum.add(y, density(subject, row, y));
    }
    return sum.moments();
  }
  constexpr double step = 0.05, end = 60.0;
  for (double t = -end; t <= end; t += step) {
    double y = about.mean + std::sqrt(about.variance) * t, jacobian = std::sqrt(about.variance);
    if (subject.is_positive()) {
      y = std::exp(t);
      jacobian = y;
    } else if (subject.is_unit()) {
      y = 1.0 / (1.0 + std::exp(-t));
      jacobian = y / (1.0 + std::exp(t));
    }
    if (y > 0.0 && subject.is_unit() && y >= 1.0) continue;  // rounded to the end
    if (subject.zero_inflated && y == 0.0) continue;         // the atom, added below
    sum.add(y, density(subject, row, y) * jacobian * step);
  }
  if (subject.zero_inflated) sum.add(0.0, density(subject, row, 0.0));
  return sum.moments();
}

/// Precisions of a beta are large enough that no mass lies between 1 and the double below it.
template <class Visit>
void for_each_parameter(const Subject& subject, Visit visit) {
  const std::vector<double> dispersions =
      subject.is_unit() ? std::vector<double>{3.0, 4.0} : std::vector<double>{0.1, 1.2};
  for (const double mean : subject.mean_predictors()) {
    for (const double dispersion : dispersions) visit(subject.row(subject.responses().back(), mean, dispersion, -0.7));
  }
}

void probabilities_add_up(const Subject& subject) {
  for_each_parameter(subject, [&](const Rows& row) {
    const Moments expected = stated(subject, row);
    const Moments actual = computed(subject, row, expected);
    const std::string at = " at mean predictor " + std::to_string(row.eta[0][0]);
    check_near(actual.total, 1.0, 1e-10, 0.0, "total probability" + at);
    check_near(actual.mean, expected.mean, 1e-8, 1e-10, "mean" + at);
    check_near(actual.variance, expected.variance, 1e-7, 1e-10, "variance" + at);
  });
}

void mean_gradient_matches(const Subject& subject) {
  for_each_parameter(subject, [&](const Rows& row) {
    double mean = 0.0;
    std::vector<double> gradient(std::size_t(subject.predictors()));
    subject.likelihood->mean_gradient(row.block(), &mean, gradient.data(), 1);
    check_near(mean, stated(subject, row).mean, 1e-13, 0.0, "mean");
    for (int k = 0; k < subject.predictors(); ++k) {
      const auto shifted = [&](double shift) {
        Rows moved = row;
        moved.eta[std::size_t(k)][0] += shift;
        return stated(subject, moved).mean;
      };
      check_near(gradient[std::size_t(k)], central_difference(shifted, 0.0, 1e-3), 1e-7, 1e-10,
                 "predictor " + std::to_string(k));
    }
  });
}

/// 20,000 draws: the mean within 5 of its standard errors, the variance within 5 of its own.
void simulation_agrees_at(const Subject& subject, double mean_predictor, double dispersion) {
  constexpr int draws = 20000;
  Rng rng(20240501);
  const Rows row = subject.row(subject.responses().back(), mean_predictor, dispersion, -0.7);
  const Moments expected = stated(subject, row);
  double sum = 0.0, square_sum = 0.0, fourth = 0.0;
  for (int d = 0; d < draws; ++d) {
    double y = 0.0;
    subject.likelihood->simulate(row.block(), rng, &y);
    const double r = (y - expected.mean) * (y - expected.mean);
    sum += y - expected.mean;
    square_sum += r;
    fourth += r * r;
  }
  const double variance = square_sum / draws;
  check(std::abs(sum / draws) < 5.0 * std::sqrt(expected.variance / draws), "mean of the draws");
  check(std::abs(variance - expected.variance) < 5.0 * std::sqrt((fourth / draws - variance * variance) / draws),
        "variance of the draws");
}

void simulation_agrees(const Subject& subject) {
  simulation_agrees_at(subject, subject.mean_predictors()[1], 1.2);
  if (subject.truncated && subject.link == Link::log) simulation_agrees_at(subject, -2.5, 1.2);  // P(Y > 0) is small
  if (subject.truncated && subject.link == Link::log) simulation_agrees_at(subject, -2.5, -1.5);
}

/// Draws at the ends of the parameters stay in the support.
void draws_stay_in_the_support(const Subject& subject) {
  Rng rng(7);
  const bool unbounded = subject.link == Link::log && !subject.is_proportion();
  for (const double mean : unbounded ? std::vector<double>{-27.0, 13.0} : subject.mean_predictors()) {
    for (const double dispersion : {-18.0, 18.0}) {
      Rows row = subject.row(subject.responses().back(), mean, dispersion, -0.7);
      double y = 0.0;
      for (int d = 0; d < 20; ++d) {
        subject.likelihood->simulate(row.block(), rng, &y);
        check(std::isfinite(y), "finite");
        if (subject.zero_inflated && y == 0.0) continue;
        if (subject.is_discrete()) check(y >= (subject.truncated ? 1.0 : 0.0) && y == std::floor(y), "a count");
        if (subject.is_positive()) check(y > 0.0, "positive");
        if (subject.is_unit()) check(y > 0.0 && y < 1.0, "inside (0, 1)");
      }
    }
  }
}

/// D(y, mu1) - D(y, mu2) = 2 (l(y; mu2) - l(y; mu1)) where the dispersion predictor is 0, and D >= 0.
void deviance_is_twice_a_likelihood_ratio(const Subject& subject) {
  const auto deviance = [&](const Rows& row) {
    double out = 0.0;
    subject.likelihood->deviance(row.block(), &out);
    return out;
  };
  const std::vector<double> means = subject.mean_predictors();
  for (const double y : subject.responses()) {
    const Rows first = subject.row(y, means[0], 0.0, 0.0), second = subject.row(y, means[1], 0.0, 0.0);
    if (std::isnan(deviance(first))) {
      check(std::isnan(deviance(second)), "no deviance anywhere");
      continue;
    }
    check(deviance(first) >= 0.0 && deviance(second) >= 0.0, "not negative");
    const double ratio = 2.0 * (subject.likelihood->value(first.block()) - subject.likelihood->value(second.block()));
    check_near(deviance(first) - deviance(second), ratio, 1e-11, 1e-12, "likelihood ratio");
  }
}

void test_deviance_exists() {
  run("families with a saturated likelihood have deviances", [] {
    for (const Subject& subject : subjects()) {
      const std::string& name = subject.info.name;
      const bool saturated =
          name == "gaussian" || name == "binomial" || name == "poisson" || name == "nbinom2" || name == "gamma";
      double out = 0.0;
      const Rows row = subject.row(subject.responses().back(), subject.mean_predictors()[0], 0.0, 0.0);
      subject.likelihood->deviance(row.block(), &out);
      if (!subject.truncated && !subject.zero_inflated) check(std::isfinite(out) == saturated, subject.name());
    }
  });
}

}  // namespace

int main() {
  for_every_subject("probabilities add up, mean and variance match", probabilities_add_up);
  for_every_subject("the mean's gradient matches differences", mean_gradient_matches);
  for_every_subject("simulation has the stated mean and variance", simulation_agrees);
  for_every_subject("draws stay in the support", draws_stay_in_the_support);
  for_every_subject("deviances are likelihood ratios", deviance_is_twice_a_likelihood_ratio);
  test_deviance_exists();
  return finish();
}
