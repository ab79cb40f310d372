// Laws over the list of links.

#include <cmath>
#include <string>
#include <vector>

#include "ranef/link/link.hpp"
#include "support/check.hpp"
#include "support/finite_difference.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

bool is_probability(Link link) {
  return link == Link::logit || link == Link::probit || link == Link::cloglog || link == Link::cauchit;
}

/// Predictors inside the link's interval; the four probability links take every real number.
std::vector<double> interior(Link link) {
  if (is_probability(link)) return {-4.0, -1.2, 0.0, 0.3, 1.6};
  if (link == Link::log) return {-3.0, -0.5, -0.2};
  return {0.2, 0.4, 0.9};
}

template <template <class> class Mean, int Order>
MeanTable<Mean, Order> filled(Link link, const std::vector<double>& eta) {
  MeanTable<Mean, Order> table;
  fill_means(link, eta.data(), Index(eta.size()), table);
  return table;
}

void for_every_link(const std::string& law, void (*test)(Link)) {
  for (std::size_t l = 0; l < kLinkNames.size(); ++l) {
    run(std::string(kLinkNames[l]) + ": " + law, [&] { test(Link(l)); });
  }
}

void undo_each_other(Link link) {
  for (const double eta : interior(link)) {
    check_near(link_function(link, link_inverse(link, eta)), eta, 1e-12, 1e-13, "link(inverse(eta))");
  }
}

void derivative_matches(Link link) {
  for (const double eta : interior(link)) {
    const double numeric = central_difference([&](double x) { return link_inverse(link, x); }, eta, 1e-3);
    check_near(link_inverse_derivative(link, eta), numeric, 1e-7, 1e-11, "d mu / d eta");
  }
}

/// p + q = 1, log_p = log(p), log_q = log(q), and Taylor coefficients against differences of the order below.
void probability_forms_agree(Link link) {
  if (link == Link::inverse || link == Link::sqrt) {
    check(true, "no probability link");
    return;
  }
  for (const double eta : interior(link)) {
    const auto table = filled<Probability, 3>(link, {eta});
    const auto& c = table.coefficients;
    check_near(c[0][0][0] + c[1][0][0], 1.0, 1e-15, 0.0, "p + q");
    check_near(c[2][0][0], std::log(c[0][0][0]), 1e-13, 1e-14, "log p");
    check_near(c[3][0][0], std::log(c[1][0][0]), 1e-13, 1e-14, "log q");
    for (int f = 0; f < 4; ++f) {
      for (int j = 1; j <= 3; ++j) {
        const auto below = [&](double x) { return filled<Probability, 3>(link, {x}).coefficients[f][j - 1][0]; };
        check_near(j * c[f][j][0], central_difference(below, eta, 2e-4), 1e-7, 1e-9,
                   "quantity " + std::to_string(f) + " order " + std::to_string(j));
      }
    }
  }
}

void orders_agree(Link link) {
  const std::vector<double> eta = interior(link);
  const auto third = filled<PositiveMean, 3>(link, eta);
  const auto value = filled<PositiveMean, 0>(link, eta);
  const auto second = filled<PositiveMean, 2>(link, eta);
  for (std::size_t i = 0; i < eta.size(); ++i) {
    for (int f = 0; f < 2; ++f) {
      check_near(value.coefficients[f][0][i], third.coefficients[f][0][i], 1e-15, 1e-16, "value");
      check_near(second.coefficients[f][2][i], third.coefficients[f][2][i], 1e-15, 1e-16, "second order");
    }
  }
}

/// Finite log forms and derivatives at |eta| = 40 for the links that take every real number.
void finite_at_extremes(Link link) {
  if (!is_probability(link)) {
    check(true, "bounded predictor");
    return;
  }
  for (const double eta : {-40.0, -12.0, 12.0, 40.0}) {
    const auto table = filled<LogProbability, 3>(link, {eta});
    for (int f = 0; f < 2; ++f) {
      for (int j = 0; j <= 3; ++j) check(std::isfinite(table.coefficients[f][j][0]), "finite");
    }
    check(table.coefficients[0][1][0] >= 0.0 && table.coefficients[1][1][0] <= 0.0, "log p rises, log q falls");
  }
}

void outside_the_interval() {
  run("a mean outside the interval is NaN or infinite, not a number", [] {
    for (const Link link : {Link::identity, Link::inverse, Link::sqrt}) {
      const auto table = filled<PositiveMean, 2>(link, {-0.5});
      check(std::isnan(table.coefficients[1][0][0]), std::string("log mu, ") + kLinkNames[std::size_t(link)]);
    }
    check(std::isnan(filled<LogProbability, 2>(Link::log, {0.5}).coefficients[1][0][0]), "log q of p > 1");
  });
}

}  // namespace

int main() {
  for_every_link("link and inverse undo each other", undo_each_other);
  for_every_link("the derivative of the inverse matches differences", derivative_matches);
  for_every_link("the four forms of a probability agree", probability_forms_agree);
  for_every_link("passes of every order agree", orders_agree);
  for_every_link("log forms are finite at extreme predictors", finite_at_extremes);
  outside_the_interval();
  return finish();
}
