// Laws of the derivative passes, over the registry: each order against central differences of the order below, all
// passes against each other, weights, and extremes.

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "support/check.hpp"
#include "support/finite_difference.hpp"
#include "support/laws_family.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr double kStep = 2e-4;
constexpr double kRelative = 1e-7;
constexpr double kAbsolute = 1e-8;

/// Calls visit(row as a block of one) for every row of the grid.
template <class Visit>
void for_each_row_of_grid(const Subject& subject, Visit visit) {
  const Rows grid = subject.grid();
  for (std::size_t i = 0; i < grid.response.size(); ++i) {
    const auto at = [&](int k) { return k < 0 ? 0.0 : grid.eta[std::size_t(k)][i]; };
    visit(subject.row(grid.response[i], grid.eta[0][i], at(subject.dispersion_place()), at(subject.zero_place())));
  }
}

/// f(rows with predictor k shifted) differentiated in the shift.
template <class Function>
double derivative_in(const Rows& row, int k, Function f) {
  return central_difference(
      [&](double shift) {
        Rows shifted = row;
        shifted.eta[std::size_t(k)][0] += shift;
        return f(shifted);
      },
      0.0, kStep);
}

void gradient_matches(const Subject& subject) {
  for_each_row_of_grid(subject, [&](const Rows& row) {
    const SecondOrder l = second_order(subject, row, Active::all);
    for (int k = 0; k < subject.predictors(); ++k) {
      const double numeric = derivative_in(row, k, [&](const Rows& r) { return subject.likelihood->value(r.block()); });
      check_near(l.gradient[std::size_t(k)], numeric, kRelative, kAbsolute, "predictor " + std::to_string(k));
    }
  });
}

void hessian_matches(const Subject& subject) {
  for_each_row_of_grid(subject, [&](const Rows& row) {
    const SecondOrder l = second_order(subject, row, Active::all);
    for (int a = 0; a < subject.predictors(); ++a) {
      for (int b = 0; b <= a; ++b) {
        const double numeric = derivative_in(
            row, b, [&](const Rows& r) { return second_order(subject, r, Active::all).gradient[std::size_t(a)]; });
        check_near(l.hessian[std::size_t(packed_index(a, b))], numeric, kRelative, kAbsolute,
                   "predictors " + std::to_string(a) + ", " + std::to_string(b));
      }
    }
  });
}

double half_trace(const std::vector<double>& hessian, const std::vector<double>& h, int predictors) {
  double sum = 0.0;
  for (int a = 0; a < predictors; ++a) {
    for (int b = 0; b <= a; ++b) {
      const std::size_t place = std::size_t(packed_index(a, b));
      sum += (a == b ? 0.5 : 1.0) * hessian[place] * h[place];
    }
  }
  return sum;
}

/// contraction_k = d/d eta_k of 1/2 tr(W h) at fixed h.
void contraction_matches(const Subject& subject) {
  const std::vector<double> h = {0.7, -0.3, 1.1, 0.2, -0.5, 0.9, 0.1, 0.1, 0.1, 0.1};
  for (const Active active : {Active::mean_only, Active::all}) {
    const int count = active == Active::all ? subject.predictors() : 1;
    for_each_row_of_grid(subject, [&](const Rows& row) {
      const ThirdOrder l = third_order(subject, row, active, h);
      for (int k = 0; k < subject.predictors(); ++k) {
        const double numeric = derivative_in(
            row, k, [&](const Rows& r) { return half_trace(second_order(subject, r, active).hessian, h, count); });
        check_near(l.contraction[std::size_t(k)], numeric, kRelative, kAbsolute, "predictor " + std::to_string(k));
      }
    });
  }
}

void passes_agree(const Subject& subject) {
  const Rows rows = subject.grid();
  const std::size_t n = rows.response.size();
  const int K = subject.predictors();
  const std::vector<double> h(std::size_t(packed_size(K)) * n, 0.4);
  const double value = subject.likelihood->value(rows.block());
  const SecondOrder mean = second_order(subject, rows, Active::mean_only);
  const SecondOrder all = second_order(subject, rows, Active::all);
  check_near(mean.value, value, 1e-13, 0.0, "value of the mean's pass");
  check_near(all.value, value, 1e-13, 0.0, "value of the pass in all predictors");
  const auto near = [](double a, double b, const char* what) { check_near(a, b, 1e-11, 1e-13, what); };
  for (const Active active : {Active::mean_only, Active::all}) {
    const ThirdOrder third = third_order(subject, rows, active, h);
    for (std::size_t i = 0; i < n; ++i) {
      near(mean.gradient[i], all.gradient[i], "gradient of the mean");
      near(mean.hessian[i], all.hessian[i], "curvature of the mean");
      for (int a = 0; a < K; ++a) {
        near(third.gradient[std::size_t(a) * n + i], all.gradient[std::size_t(a) * n + i], "third-order gradient");
        for (int b = 0; b <= (active == Active::all ? a : 0); ++b) {
          const std::size_t place = std::size_t(packed_index(a, b)) * n + i;
          near(third.hessian[place], all.hessian[place], "third-order Hessian");
        }
      }
    }
  }
}

void rows_are_independent(const Subject& subject) {
  const Rows rows = subject.grid();
  double sum = 0.0;
  for_each_row_of_grid(subject, [&](const Rows& row) { sum += subject.likelihood->value(row.block()); });
  check_near(subject.likelihood->value(rows.block()), sum, 1e-13, 0.0, "block against row by row");
}

void weights_multiply(const Subject& subject) {
  for_each_row_of_grid(subject, [&](const Rows& row) {
    Rows weighted = row;
    weighted.weights = {2.5};
    const std::vector<double> h(10, 0.6);
    const SecondOrder one = second_order(subject, row, Active::all),
                      more = second_order(subject, weighted, Active::all);
    const ThirdOrder third = third_order(subject, row, Active::all, h);
    const ThirdOrder third_more = third_order(subject, weighted, Active::all, h);
    check_near(subject.likelihood->value(weighted.block()), 2.5 * one.value, 1e-13, 1e-14, "value");
    for (std::size_t k = 0; k < one.gradient.size(); ++k) {
      check_near(more.gradient[k], 2.5 * one.gradient[k], 1e-13, 1e-15, "gradient");
      check_near(third_more.contraction[k], 2.5 * third.contraction[k], 1e-13, 1e-15, "contraction");
    }
    for (std::size_t k = 0; k < one.hessian.size(); ++k) {
      check_near(more.hessian[k], 2.5 * one.hessian[k], 1e-13, 1e-15, "Hessian");
    }
  });
}

/// Predictors to +-40, dispersions 1e-8 .. 1e8, counts to 1e6.
void finite_at_extremes(const Subject& subject) {
  const bool bounded = subject.link == Link::identity || subject.link == Link::inverse || subject.link == Link::sqrt;
  const bool below_zero = subject.link == Link::log && subject.is_proportion();
  std::vector<double> means = {-40.0, -27.0, 27.0, 40.0};
  if (subject.link == Link::log) means = {-40.0, -27.0, 13.8, 40.0};
  if (below_zero) means = {-27.0, -1e-8};
  if (bounded)
    means = subject.is_proportion() ? std::vector<double>{1e-12, 1.0 - 1e-12} : std::vector<double>{1e-6, 1e3};
  std::vector<double> responses = subject.responses();
  if (subject.info.is_count) responses.push_back(1e6);
  const std::vector<double> h(10, 0.5);
  for (const double y : responses) {
    for (const double mean : means) {
      for (const double dispersion : {-18.4, 0.0, 18.4}) {
        for (const double zero : {-40.0, 40.0}) {
          const Rows row = subject.row(y, mean, dispersion, zero);
          const SecondOrder l = second_order(subject, row, Active::all);
          const ThirdOrder third = third_order(subject, row, Active::all, h);
          const auto finite = [](const std::vector<double>& v) {
            return std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); });
          };
          const std::string at = "y " + std::to_string(y) + " eta " + std::to_string(mean) + ", " +
                                 std::to_string(dispersion) + ", " + std::to_string(zero);
          check(std::isfinite(l.value), at + ": value");
          check(finite(l.gradient) && finite(l.hessian), at + ": gradient, Hessian");
          check(finite(third.contraction), at + ": contraction");
        }
      }
    }
  }
}

void test_failed_steps() {
  run("a mean outside the family's interval costs infinity and does not throw", [] {
    for (const Subject& subject : subjects()) {
      if (subject.link != Link::identity || subject.info.name == "gaussian") continue;
      const Rows row = subject.row(subject.responses().back(), -0.5, 0.0, 0.0);
      const double infinity = std::numeric_limits<double>::infinity();
      check(subject.likelihood->value(row.block()) == infinity, subject.name() + ": value");
      check(second_order(subject, row, Active::all).value == infinity, subject.name() + ": second order");
    }
  });
}

}  // namespace

int main() {
  for_every_subject("the gradient matches differences of the value", gradient_matches);
  for_every_subject("the Hessian matches differences of the gradient", hessian_matches);
  for_every_subject("the contraction matches differences of the Hessian", contraction_matches);
  for_every_subject("passes of every order agree", passes_agree);
  for_every_subject("a block is the sum of its rows", rows_are_independent);
  for_every_subject("weights multiply", weights_multiply);
  for_every_subject("everything is finite at extreme predictors", finite_at_extremes);
  test_failed_steps();
  return finish();
}
