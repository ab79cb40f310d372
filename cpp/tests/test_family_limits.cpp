// Limits and special cases that tie the families together, and the registry's own rules.

#include <cmath>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/check.hpp"
#include "support/laws_family.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

Subject find(const std::string& family, Link link, bool truncated = false, bool zero_inflated = false) {
  for (Subject& subject : subjects()) {
    if (subject.info.name == family && subject.link == link && subject.truncated == truncated &&
        subject.zero_inflated == zero_inflated) {
      return subject;
    }
  }
  throw std::logic_error("no " + family);
}

double log_density(const Subject& subject, double y, double mean, double dispersion, double zero) {
  const Rows row = subject.row(y, mean, dispersion, zero);
  return -row.prepared[0] - subject.likelihood->value(row.block());
}

void test_poisson_limit() {
  run("negative binomials tend to the Poisson, difference y^2 / phi", [] {
    const Subject poisson = find("poisson", Link::log);
    const Subject nbinom1 = find("nbinom1", Link::log), nbinom2 = find("nbinom2", Link::log);
    for (const double y : {0.0, 1.0, 30.0, 200.0}) {
      for (const double mean : {-27.0, 0.0, 4.0}) {
        const double expected = log_density(poisson, y, mean, 0.0, 0.0);
        const double mu = std::exp(mean);
        const double order = (y + mu) * (y + mu) + 1.0;
        check_near(log_density(nbinom2, y, mean, 30.0, 0.0), expected, 1e-14, order * std::exp(-30.0), "nbinom2");
        check_near(log_density(nbinom1, y, mean, -60.0, 0.0), expected, 1e-14, order * std::exp(-60.0 - mean),
                   "nbinom1");
      }
    }
  });
  run("the gradient in the dispersion keeps its digits near the Poisson limit", [] {
    // d nll / d log phi of nbinom2 -> ((y - mu)^2 - y) / (2 phi), from the expansion of the nll in 1 / phi.
    const Subject nbinom2 = find("nbinom2", Link::log);
    for (const double y : {0.0, 3.0}) {
      const double log_phi = 18.0, mu = std::exp(0.4);
      const SecondOrder l = second_order(nbinom2, nbinom2.row(y, 0.4, log_phi, 0.0), Active::all);
      const double expected = ((y - mu) * (y - mu) - y) / (2.0 * std::exp(log_phi));
      check_near(l.gradient[1], expected, 1e-5, 0.0, "gradient");
    }
  });
}

void test_binomial_limit() {
  run("the beta-binomial tends to the binomial", [] {
    const Subject binomial = find("binomial", Link::logit), mixed = find("betabinomial", Link::logit);
    for (const double y : {0.0, 2.0, 7.0}) {
      for (const double mean : {-8.0, 0.3, 8.0}) {
        check_near(log_density(mixed, y, mean, 40.0, 0.0), log_density(binomial, y, mean, 0.0, 0.0), 1e-13, 1e-14,
                   "value");
      }
    }
  });
}

void test_large_counts() {
  run("counts of 1e6 have smooth likelihoods where the sums change method", [] {
    const Subject nbinom2 = find("nbinom2", Link::log);
    for (const double y : {40.0, 41.0, 128.0, 1e6}) {
      // P(y + 1) / P(y) = (y + phi) / (y + 1) mu / (mu + phi)
      const double log_phi = 0.9, mean = std::log(y), phi = std::exp(log_phi), mu = std::exp(mean);
      const double ratio =
          log_density(nbinom2, y + 1.0, mean, log_phi, 0.0) - log_density(nbinom2, y, mean, log_phi, 0.0);
      check_near(ratio, std::log((y + phi) / (y + 1.0) * mu / (mu + phi)), 0.0, 1e-15 * y * std::log(y) + 1e-13,
                 "ratio");
    }
  });
}

/// log P(y | y > 0) = log P(y) - log(1 - P(0)); zero inflation with pi -> 0 is none.
void test_wrappers() {
  run("truncation divides by the probability of a positive count", [] {
    for (const char* name : {"poisson", "nbinom1", "nbinom2"}) {
      const Subject plain = find(name, Link::log), truncated = find(name, Link::log, true);
      for (const double y : {1.0, 4.0}) {
        const double zero = std::exp(log_density(plain, 0.0, 0.2, 0.5, 0.0));
        check_near(log_density(truncated, y, 0.2, 0.5, 0.0), log_density(plain, y, 0.2, 0.5, 0.0) - std::log1p(-zero),
                   1e-13, 1e-14, name);
      }
    }
  });
  run("zero inflation of nothing changes nothing, and mixes as stated", [] {
    for (const Subject& plain : subjects()) {
      if (plain.zero_inflated) continue;
      const Subject inflated = find(plain.info.name, plain.link, plain.truncated, true);
      for (const double y : plain.responses()) {
        const double mean = plain.mean_predictors()[0];
        const double alone = log_density(plain, y, mean, 0.4, 0.0);
        check_near(log_density(inflated, y, mean, 0.4, -45.0), alone, 1e-13, 1e-14, plain.name() + ", pi = 0");
        const double pi = 1.0 / (1.0 + std::exp(0.8));
        if (y == 0.0 && !plain.is_discrete()) continue;
        const double mixed = (y == 0.0 ? pi : 0.0) + (1.0 - pi) * std::exp(alone);
        check_near(std::exp(log_density(inflated, y, mean, 0.4, -0.8)), mixed, 1e-13, 0.0, plain.name());
      }
    }
  });
}

void test_starts() {
  run("the predictors from which a fit starts have a finite likelihood and the response's mean", [] {
    for (const Subject& subject : subjects()) {
      Rows rows = subject.grid();
      const auto start = subject.likelihood->start_predictors(rows.block());
      for (int k = 0; k < subject.predictors(); ++k) {
        check(std::isfinite(start[std::size_t(k)]), subject.name() + ": predictor");
        rows.eta[std::size_t(k)].assign(rows.response.size(), start[std::size_t(k)]);
      }
      check(std::isfinite(subject.likelihood->value(rows.block())), subject.name() + ": likelihood");
    }
  });
  run("only the plain gaussian with identity link is least squares", [] {
    for (const Subject& subject : subjects()) {
      const bool expected = subject.name() == "gaussian(identity)";
      check(subject.likelihood->is_least_squares() == expected, subject.name());
    }
  });
}

void test_missing_predictors() {
  run("a missing predictor gives a missing draw and an infinite value, in finite time", [] {
    for (const Subject& subject : subjects()) {
      const Rows row = subject.row(subject.responses().back(), NAN, 0.3, -40.0);
      Rng rng(3);
      double y = 0.0;
      subject.likelihood->simulate(row.block(), rng, &y);
      if (!subject.truncated) check(std::isnan(y), subject.name() + ": draw");
      check(subject.likelihood->value(row.block()) == HUGE_VAL, subject.name() + ": value");
    }
  });
}

void test_registry() {
  run("every family has a name, a support, links and consistent predictors", [] {
    for (const Subject& subject : subjects()) {
      check(!subject.info.name.empty() && !subject.info.support.empty(), "texts");
      const int expected = 1 + (subject.info.dispersion.empty() ? 0 : 1) + (subject.zero_inflated ? 1 : 0);
      check(subject.predictors() == expected, subject.name() + ": predictors");
      check(subject.likelihood->prepared_columns() >= 1, "a constant");
      check(subject.is_discrete() || subject.is_positive() || subject.is_unit() || subject.info.zero_in_support,
            subject.info.name + ": support that the laws know");
    }
  });
  run("a wrong family, link or truncation is refused with its number or name", [] {
    using Wrong = std::invalid_argument;
    check(throws<Wrong>([] { make_likelihood({-1, 0, false, false}); }), "family -1");
    check(throws<Wrong>([] { make_likelihood({99, 0, false, false}); }), "family 99");
    check(throws<Wrong>([] { make_likelihood({0, int(Link::logit), false, false}); }), "gaussian with logit");
    check(throws<Wrong>([] { make_likelihood({0, 0, true, false}); }), "truncated gaussian");
  });
}

}  // namespace

int main() {
  test_poisson_limit();
  test_binomial_limit();
  test_large_counts();
  test_wrappers();
  test_starts();
  test_missing_predictors();
  test_registry();
  return finish();
}
