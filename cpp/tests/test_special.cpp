// The special functions and their three derivatives against a high-precision table, extremes included.

#include <cmath>
#include <string>
#include <vector>

#include "ranef/link/cauchit.hpp"
#include "ranef/link/probit.hpp"
#include "ranef/special/log_sum_exp.hpp"
#include "ranef/special/rising_ratio_table.hpp"
#include "ranef/special/stirling_error_exp.hpp"
#include "support/check.hpp"
#include "support/near.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

struct Row {
  std::string function;
  double x, parameter;
  double expected[4];
};

const std::vector<Row> table = {
#include "tables/special.inc"
};

constexpr double kRelative = 1e-13;

struct Tolerance {
  double relative = kRelative;
  double absolute = 0.0;
};

/// q - p is known to rounding of q and p, not of itself, where they meet.
constexpr Tolerance kLogistic = {kRelative, 1e-16};

/// Below 10 a difference from log Gamma, whose error is absolute.
constexpr Tolerance kDifference = {kRelative, 1e-14};

/// Above -3 the third derivative is a difference of numbers of order ten.
constexpr Tolerance kMills = {kRelative, 1e-13};

/// Denormal numbers have few digits.
constexpr Tolerance kDenormal = {kRelative, 1e-318};

template <class Function>
void compare(const Row& row, const Function& function, Tolerance tolerance) {
  const Taylor<3> t = function.template taylor<3>(row.x);
  const double factorial[4] = {1.0, 1.0, 2.0, 6.0};
  for (int j = 0; j < 4; ++j) {
    const std::string what = row.function + "(" + std::to_string(row.x) + ", " + std::to_string(row.parameter) +
                             ") derivative " + std::to_string(j);
    check_near(factorial[j] * t[std::size_t(j)], row.expected[j], tolerance.relative, tolerance.absolute, what);
  }
  const double alone = apply(function, row.x);
  check_near(alone, t[0], 1e-15, tolerance.absolute, row.function + " value-only pass");
}

template <class Function>
void compare_all(const std::string& name, const Function& function, Tolerance tolerance = {}) {
  run(name + " and its derivatives match the table", [&] {
    for (const Row& row : table) {
      if (row.function == name) compare(row, function, tolerance);
    }
  });
}

void test_elementary() {
  compare_all("exp", Exp());
  compare_all("expm1", Expm1());
  compare_all("log", Log());
  compare_all("log1p", Log1p());
  compare_all("sqrt", Sqrt());
  compare_all("atan", Atan());
  compare_all("reciprocal", Reciprocal());
  run("pow and its derivatives match the table", [] {
    for (const Row& row : table) {
      if (row.function == "pow") compare(row, Pow{row.parameter}, {});
    }
  });
}

void test_careful() {
  compare_all("log1p_exp", Log1pExp(), kLogistic);
  compare_all("logistic", Logistic(), kLogistic);
  compare_all("log1p_exp_remainder", Log1pExpRemainder());
  compare_all("log1m_exp", Log1mExp());
  compare_all("log1p_minus", Log1pMinus());
  compare_all("expm1_minus", Expm1Minus());
  compare_all("log_gamma", LogGamma());
  compare_all("stirling_error", StirlingError(), kDifference);
  compare_all("stirling_error_exp", StirlingErrorExp(), kDifference);
  compare_all("log_normal_cdf", LogNormalCdf(), kMills);
  compare_all("normal_cdf", NormalCdf(), kDenormal);
  compare_all("cauchy_cdf", CauchyCdf());
  // Its parts are of order n and cancel in the derivatives for long sums.
  run("log_rising_ratio and its derivatives match the table", [] {
    for (const Row& row : table) {
      if (row.function == "log_rising_ratio")
        compare(row, LogRisingRatio(row.parameter), {kRelative, 1e-16 * row.parameter});
    }
  });
}

void test_identities() {
  run("log1p_unit is log1p on all of [0, 1], to the last digits", [] {
    for (int i = 0; i <= 4096; ++i)
      for (const double x : {i / 4096.0, std::ldexp(1.0 + i / 4096.0, -i / 4 - 2)})
        check_near(log1p_unit(x), std::log1p(x), 4.5e-16, 0.0, "log(1 + " + std::to_string(x) + ")");
    check(std::isnan(log1p_unit(NAN)), "NaN");
  });
  run("log_sum_exp and log_diff_exp undo each other with their derivatives", [] {
    using J = Jet<2, 3>;
    for (const double gap : {0.01, 0.5, 3.0, 20.0}) {
      const J a = J::variable(0, 400.0), b = J::variable(1, 400.0 - gap);
      const J back = log_diff_exp(log_sum_exp(a, b), b);
      const double scale = std::exp(gap);
      for (int i = 0; i < J::size; ++i) check_near(back[i], a[i], 0.0, 1e-12 * (1.0 + 400.0 + scale), "coefficient");
    }
  });
  run("log_sum_exp is symmetric and keeps a lone term", [] {
    check_near(log_sum_exp(1.0, 2.0), log_sum_exp(2.0, 1.0), 1e-15, 0.0, "symmetry");
    check_near(log_sum_exp(-HUGE_VAL, 2.0), 2.0, 0.0, 0.0, "log(0 + e^2)");
    check_near(log_sum_exp(-800.0, -801.0), -800.0 + std::log1p(std::exp(-1.0)), 1e-15, 0.0, "both underflow");
  });
  run("digamma, trigamma and tetragamma satisfy their recurrences", [] {
    for (const double x : {0.3, 2.0, 9.5, 30.0}) {
      check_near(digamma(x + 1.0) - digamma(x), 1.0 / x, 1e-12, 0.0, "digamma");
      check_near(trigamma(x) - trigamma(x + 1.0), 1.0 / (x * x), 1e-11, 0.0, "trigamma");
      check_near(tetragamma(x + 1.0) - tetragamma(x), 2.0 / (x * x * x), 1e-10, 0.0, "tetragamma");
    }
  });
  run("the normal quantile undoes the distribution function", [] {
    for (const double x : {-37.0, -8.0, -1.0, -1e-3, 0.3}) {
      check_near(normal_quantile(normal_cdf(x)), x, 1e-13, 1e-15, "quantile");
    }
    check(normal_quantile(0.0) == -HUGE_VAL && normal_quantile(1.0) == HUGE_VAL, "the ends are infinite");
  });
}

void test_rising_ratio_table() {
  run("the running table equals the direct function in any order of requests", [] {
    using J = BasicJet<TotalDegree<1, 3>, 1U>;
    for (const double tau : {-5.0, 0.3, 9.0}) {
      RisingRatioTable<J> running;
      const J log_a = J::variable(0, tau);
      running.set(log_a);
      for (const double n : {3.0, 0.0, 7.0, 1.0, 60.0, 2.0, 127.0, 128.0, 5000.0, 5.0}) {
        const J direct = log_rising_ratio(log_a, n), tabled = running(n);
        for (int i = 0; i < J::size; ++i) check_near(tabled[i], direct[i], 1e-12, 1e-13, "coefficient");
      }
    }
  });
}

}  // namespace

int main() {
  test_elementary();
  test_careful();
  test_identities();
  test_rising_ratio_table();
  return finish();
}
