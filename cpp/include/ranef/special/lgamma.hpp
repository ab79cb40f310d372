#pragma once
// log Gamma(x), x > 0, with derivatives, and the error of Stirling's formula
//
//     S(x) = log Gamma(x) - (x - 1/2) log x + x - 1/2 log(2 pi) = 1/(12 x) - 1/(360 x^3) + ...
//
// Above 10 the asymptotic series (DLMF 5.11.1) is summed; below, x is first raised by the recurrence
// log Gamma(x) = log Gamma(x + m) - log(x (x + 1) ... (x + m - 1)). Differences of log Gamma at large arguments are
// formed from S, which is small, never from log Gamma itself. Near the zeros x = 1 and x = 2 the error is absolute
// (about 1e-15), not relative.

#include <cmath>

#include "ranef/ad/jet_math.hpp"

namespace ranef {

inline constexpr double kHalfLog2Pi = 0.918938533204672741780;

namespace detail {

inline constexpr double kStirlingStart = 10.0;
inline constexpr int kStirlingTerms = 10;

/// B_2k / (2k (2k - 1)).
inline constexpr std::array<double, kStirlingTerms> stirling_series = {
    1.0 / 12.0,        -1.0 / 360.0, 1.0 / 1260.0,       -1.0 / 1680.0,      1.0 / 1188.0,
    -691.0 / 360360.0, 1.0 / 156.0,  -3617.0 / 122400.0, 43867.0 / 244188.0, -174611.0 / 125400.0};

/// Coefficients of the j-th Taylor coefficient of S: (-1)^j binomial(2k - 2 + j, j) c_k.
template <int J>
constexpr std::array<double, kStirlingTerms> stirling_coefficients() {
  std::array<double, kStirlingTerms> out{};
  for (int k = 1; k <= kStirlingTerms; ++k) {
    double binomial = 1.0;
    for (int i = 1; i <= J; ++i) binomial *= double(2 * k - 2 + i) / i;
    out[k - 1] = (J % 2 == 0 ? 1.0 : -1.0) * binomial * stirling_series[k - 1];
  }
  return out;
}

/// J-th Taylor coefficient of S at x >= 10; r = 1 / x.
template <int J>
inline double stirling_taylor(double r) {
  constexpr auto coefficients = stirling_coefficients<J>();
  const double s = r * r;
  double sum = 0.0;
  for (int k = kStirlingTerms - 1; k >= 0; --k) sum = sum * s + coefficients[k];
  for (int j = 0; j <= J; ++j) sum *= r;
  return sum;
}

template <int Order>
inline Taylor<Order> stirling_large(double x) {
  const double r = 1.0 / x;
  Taylor<Order> t;
  t[0] = stirling_taylor<0>(r);
  if constexpr (Order >= 1) t[1] = stirling_taylor<1>(r);
  if constexpr (Order >= 2) t[2] = stirling_taylor<2>(r);
  if constexpr (Order >= 3) t[3] = stirling_taylor<3>(r);
  return t;
}

/// (x - 1/2) log x - x + 1/2 log(2 pi).
template <int Order>
inline Taylor<Order> stirling_formula(double x) {
  const double log_x = std::log(x);
  const double r = 1.0 / x;
  return from_derivatives<Order>((x - 0.5) * log_x - x + kHalfLog2Pi, log_x - 0.5 * r, r + 0.5 * r * r,
                                 -r * r - r * r * r);
}

/// Taylor coefficients of log(x (x + 1) ... (x + m - 1)).
template <int Order>
inline Taylor<Order> log_shift(double x, int m) {
  double product = 1.0;
  double sum1 = 0.0, sum2 = 0.0, sum3 = 0.0;
  for (int k = 0; k < m; ++k) {
    product *= x + k;
    if constexpr (Order >= 1) {
      const double r = 1.0 / (x + k);
      sum1 += r;
      sum2 -= r * r;
      sum3 += 2.0 * r * r * r;
    }
  }
  return from_derivatives<Order>(std::log(product), sum1, sum2, sum3);
}

inline int stirling_shift(double x) { return x < kStirlingStart ? int(kStirlingStart - x) + 1 : 0; }

}  // namespace detail

struct LogGamma {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const int m = detail::stirling_shift(x);
    Taylor<Order> t = detail::stirling_formula<Order>(x + m);
    const Taylor<Order> s = detail::stirling_large<Order>(x + m);
    for (std::size_t j = 0; j <= Order; ++j) t[j] += s[j];
    if (m > 0) {
      const Taylor<Order> shift = detail::log_shift<Order>(x, m);
      for (std::size_t j = 0; j <= Order; ++j) t[j] -= shift[j];
    }
    return t;
  }
};

struct StirlingError {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    if (x >= detail::kStirlingStart) return detail::stirling_large<Order>(x);
    Taylor<Order> t = LogGamma::taylor<Order>(x);
    const Taylor<Order> formula = detail::stirling_formula<Order>(x);
    for (std::size_t j = 0; j <= Order; ++j) t[j] -= formula[j];
    return t;
  }
};

/// log Gamma(x), x > 0 (NaN otherwise).
template <class T>
inline auto log_gamma(const T& x) {
  return apply(LogGamma(), x);
}

/// S(x) above.
template <class T>
inline auto stirling_error(const T& x) {
  return apply(StirlingError(), x);
}

/// Derivatives of log Gamma.
inline double digamma(double x) { return LogGamma::taylor<1>(x)[1]; }
inline double trigamma(double x) { return 2.0 * LogGamma::taylor<2>(x)[2]; }
inline double tetragamma(double x) { return 6.0 * LogGamma::taylor<3>(x)[3]; }

}  // namespace ranef
