// Densities at and beyond the edges of their domain, and at the ends of the dispersion parameter, for every family with
// every link and wrapper: zero (a log of -infinity) outside, never NaN, never more probable than one.

#include <cmath>
#include <string>
#include <vector>

#include "support/check.hpp"
#include "support/laws_family.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

const std::vector<double> kDispersions = {-800.0, -300.0, -40.0, 0.0, 40.0, 300.0, 800.0};
const std::vector<double> kZeros = {-40.0, 0.0, 3.0};

bool is_real_mean(const Subject& subject) { return subject.info.name == "gaussian"; }

/// Mean predictors that give no mean of the family.
std::vector<double> outside(const Subject& subject) {
  switch (subject.link) {
    case Link::identity:
      if (is_real_mean(subject)) return {};
      return subject.is_proportion() ? std::vector<double>{-3.0, -1e-300, 1.0 + 1e-12, 2.0}
                                     : std::vector<double>{-3.0, -1e-300, 0.0};
    case Link::inverse:
      return is_real_mean(subject) ? std::vector<double>{} : std::vector<double>{-3.0, -1e-300, 0.0};
    case Link::sqrt:
      return is_real_mean(subject) ? std::vector<double>{-3.0, -1e-300} : std::vector<double>{-3.0, -1e-300, 0.0};
    case Link::log:
      return subject.is_proportion() ? std::vector<double>{1e-12, 3.0} : std::vector<double>{};
    default:
      return {};
  }
}

/// Mean predictors inside, up to the ends of what numbers hold.
std::vector<double> inside(const Subject& subject) {
  if (subject.link == Link::identity && subject.is_proportion()) return {1e-300, 1e-3, 0.5, 1.0 - 1e-12};
  if (subject.link == Link::log && subject.is_proportion()) return {-700.0, -3.0, -0.1, -1e-12};
  if (subject.link == Link::log) return {-700.0, -20.0, 0.3, 20.0, 700.0};
  if (subject.link == Link::identity || subject.link == Link::inverse || subject.link == Link::sqrt)
    return {1e-150, 1e-9, 0.5, 1e9, 1e150};
  return {-700.0, -20.0, -1.0, 2.0, 30.0, 700.0};
}

template <class Visit>
void at_ends(const Subject& subject, const std::vector<double>& means, Visit visit) {
  for (const double mean : means)
    for (const double dispersion : kDispersions)
      for (const double zero : kZeros)
        for (const double y : subject.responses()) visit(subject.row(y, mean, dispersion, zero));
}

double log_density(const Subject& subject, double y, double mean, double dispersion) {
  const Rows row = subject.row(y, mean, dispersion, 0.0);
  return -row.prepared[0] - subject.likelihood->value(row.block());
}

Subject find(const std::string& family, Link link) {
  for (Subject& subject : subjects())
    if (subject.info.name == family && subject.link == link && !subject.truncated && !subject.zero_inflated)
      return subject;
  throw std::logic_error("no " + family);
}

void test_outside() {
  for_every_subject("no density outside the domain of the mean, at any dispersion", [](const Subject& subject) {
    check(subject.link != Link::sqrt || !outside(subject).empty(), "a domain with an edge");
    at_ends(subject, outside(subject), [&](const Rows& row) {
      const std::string where = "y " + std::to_string(row.response[0]) + ", eta " + std::to_string(row.eta[0][0]);
      check(subject.likelihood->value(row.block()) == HUGE_VAL, where);
      check(second_order(subject, row, Active::mean_only).value == HUGE_VAL, where + ", with derivatives");
      check(second_order(subject, row, Active::all).value == HUGE_VAL, where + ", with all derivatives");
    });
  });
}

void test_inside() {
  for_every_subject("no probability above one, no NaN, at any end", [](const Subject& subject) {
    at_ends(subject, inside(subject), [&](const Rows& row) {
      const double nll = row.prepared[0] + subject.likelihood->value(row.block());
      const std::string where = "y " + std::to_string(row.response[0]) + ", eta " + std::to_string(row.eta[0][0]) +
                                ", dispersion " +
                                (subject.dispersion_place() > 0 ? std::to_string(row.eta[1][0]) : std::string("none"));
      check(!std::isnan(nll) && nll > -HUGE_VAL, where + ": a number");
      if (subject.is_discrete()) check(nll > -1e-9, where + ": " + std::to_string(-nll));
    });
  });
}

void test_dispersion_limits() {
  run("the Poisson is nbinom1 at phi = 0 and nbinom2 at phi = infinity, under every link they share", [] {
    for (const Link link : {Link::log, Link::identity, Link::sqrt})
      for (const double mean : {0.4, 1.6})
        for (const double y : {0.0, 1.0, 7.0, 200.0, 3e5}) {
          const double expected = log_density(find("poisson", link), y, mean, 0.0);
          check_near(log_density(find("nbinom1", link), y, mean, -800.0), expected, 1e-12, 0.0, "nbinom1");
          check_near(log_density(find("nbinom2", link), y, mean, 800.0), expected, 1e-12, 0.0, "nbinom2");
        }
  });
  run("at the other end a count is zero, else log-series times what is left", [] {
    const double log_mu = 0.4;
    for (const double y : {1.0, 7.0, 200.0}) {
      check_near(log_density(find("nbinom2", Link::log), y, log_mu, -800.0), -800.0 - std::log(y), 1e-12, 0.0, "2");
      check_near(log_density(find("nbinom1", Link::log), y, log_mu, 800.0), log_mu - 800.0 - std::log(y), 1e-12, 0.0,
                 "1");
    }
    check_near(log_density(find("nbinom2", Link::log), 0.0, log_mu, -800.0), 0.0, 0.0, 1e-12, "nbinom2, zero");
    check_near(log_density(find("nbinom1", Link::log), 0.0, log_mu, 800.0), 0.0, 0.0, 1e-12, "nbinom1, zero");
  });
  run("the beta-binomial is the binomial at phi = infinity, all or nothing at phi = 0", [] {
    const Subject mixed = find("betabinomial", Link::logit);
    const double eta = 0.7, log_p = -std::log1p(std::exp(-eta)), log_q = -std::log1p(std::exp(eta));
    for (const double y : {0.0, 3.0, 7.0})
      check_near(log_density(mixed, y, eta, 800.0), log_density(find("binomial", Link::logit), y, eta, 0.0), 1e-12, 0.0,
                 "binomial");
    check_near(log_density(mixed, 0.0, eta, -800.0), log_q, 1e-12, 0.0, "nothing");
    check_near(log_density(mixed, 7.0, eta, -800.0), log_p, 0.0, 1e-11, "all");  // six terms of 800 cancel
    check_near(log_density(mixed, 3.0, eta, -800.0), -800.0 + log_p + log_q + std::log(7.0 / 12.0), 1e-12, 0.0, "some");
  });
  run("gamma and beta densities vanish with their shape", [] {
    const double log_p = -std::log1p(std::exp(-0.7)), log_q = -std::log1p(std::exp(0.7));
    check_near(log_density(find("gamma", Link::log), 1.4, 0.2, -800.0), -800.0 - std::log(1.4), 1e-12, 0.0, "gamma");
    check_near(log_density(find("beta", Link::logit), 0.3, 0.7, -800.0), -800.0 + log_p + log_q - std::log(0.3 * 0.7),
               1e-12, 0.0, "beta");
  });
}

void test_saturated_counts() {
  run("a count at its mean has the probability of Stirling's formula, up to 1e12", [] {
    for (const double y : {9e4, 1.1e5, 1e8, 1e10, 1e12}) {
      const double expected = -(0.5 * std::log(6.283185307179586 * y) + 1.0 / (12.0 * y));
      // below 1e5 the terms of y log(y) round, above log(mu) does: y/2 (1e-15 log(y))^2 is nothing
      const double rounding = y < 1e5 ? 1e-15 * y * std::log(y) : 1e-12;
      check_near(log_density(find("poisson", Link::log), y, std::log(y), 0.0), expected, 0.0, rounding, "poisson");
      check_near(log_density(find("nbinom2", Link::log), y, std::log(y), 100.0), expected, 0.0, rounding, "nbinom2");
      check_near(log_density(find("nbinom1", Link::log), y, std::log(y), -100.0), expected, 0.0, rounding, "nbinom1");
    }
  });
  run("the forms of large and of small counts agree where they meet", [] {
    // P(y + 1) / P(y) across the border, y = 1e5
    const double y = 1e5, mean = std::log(1.01e5), phi = 3.0;
    const auto step = [&](const char* name, double dispersion) {
      const Subject subject = find(name, Link::log);
      return log_density(subject, y + 1.0, mean, dispersion) - log_density(subject, y, mean, dispersion);
    };
    const double mu = std::exp(mean);
    check_near(step("poisson", 0.0), std::log(mu / (y + 1.0)), 0.0, 2e-9, "poisson");
    check_near(step("nbinom2", std::log(phi)), std::log((y + phi) / (y + 1.0) * mu / (mu + phi)), 0.0, 2e-9, "nbinom2");
    const double r = mu / phi;
    check_near(step("nbinom1", std::log(phi)), std::log((y + r) / (y + 1.0) * phi / (1.0 + phi)), 0.0, 2e-9, "nbinom1");
  });
}

}  // namespace

int main() {
  test_outside();
  test_inside();
  test_dispersion_limits();
  test_saturated_counts();
  return finish();
}
