#pragma once
// log of the standard normal distribution function, and its quantile.
//
// With the inverse Mills ratio m = phi(x) / Phi(x): f' = m, f'' = -m (x + m), f''' = -f'' (x + m) - m (1 + f'').
// In the lower tail x + m cancels; there, with t = -x, Laplace's continued fraction (DLMF 7.9.1)
//
//     m = t + c1,   c1 = 1 / (t + c2),   c2 = 2 / (t + c3),   c3 = 3 / (t + c4),   ...
//
// gives x + m = c1 and f''' = 2 m c1 (c3 - c2) / ((t + c2)(t + c3)) without subtraction of nearly equal numbers.

#include <cmath>

#include "ranef/ad/jet_math.hpp"
#include "ranef/special/lgamma.hpp"

namespace ranef {

inline double normal_density(double x) { return std::exp(-0.5 * x * x - kHalfLog2Pi); }

inline double normal_cdf(double x) { return 0.5 * std::erfc(-x * 0.707106781186547524401); }

class LogNormalCdf {
 public:
  template <int Order>
  static Taylor<Order> taylor(double x) {
    if (x < kTail) return tail<Order>(-x);
    const double cdf = normal_cdf(x);
    const double value = x > 0.0 ? std::log1p(-normal_cdf(-x)) : std::log(cdf);
    const double m = Order > 0 ? normal_density(x) / cdf : 0.0;
    const double d2 = -m * (x + m);
    return from_derivatives<Order>(value, m, d2, -d2 * (x + m) - m * (1.0 + d2));
  }

 private:
  /// Between here and 0 the third derivative loses up to 3 digits, absolute error 1e-13.
  static constexpr double kTail = -3.0;

  /// Terms for convergence to rounding, found by experiment for t >= 2 with the start below.
  static int depth(double t) { return 4 + int(170.0 / t); }

  template <int Order>
  static Taylor<Order> tail(double t) {
    const int n = depth(t);
    double c3 = 0.5 * (std::sqrt(t * t + 4.0 * (n + 1)) - t);  // the fixed point of c = (n + 1) / (t + c)
    for (int k = n; k >= 3; --k) c3 = k / (t + c3);
    const double c2 = 2.0 / (t + c3);
    const double c1 = 1.0 / (t + c2);
    const double m = t + c1;
    const double value = -0.5 * t * t - kHalfLog2Pi - std::log(m);
    return from_derivatives<Order>(value, m, -m * c1, 2.0 * m * c1 * (c3 - c2) / ((t + c2) * (t + c3)));
  }
};

/// log Phi(x).
template <class T>
inline auto log_normal_cdf(const T& x) {
  return apply(LogNormalCdf(), x);
}

/// Phi^-1(p): Newton's method on log Phi, from a start good to 5e-4 (Abramowitz & Stegun 26.2.23).
inline double normal_quantile(double p) {
  if (!(p > 0.0 && p < 1.0)) return p == 0.0 ? -HUGE_VAL : p == 1.0 ? HUGE_VAL : NAN;
  const double small = p < 0.5 ? p : 1.0 - p;
  const double t = std::sqrt(-2.0 * std::log(small));
  double x = (2.515517 + t * (0.802853 + t * 0.010328)) / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308))) - t;
  for (int step = 0; step < 4; ++step) {
    const Taylor<1> f = LogNormalCdf::taylor<1>(x);
    x -= (f[0] - std::log(small)) / f[1];
  }
  return p < 0.5 ? x : -x;
}

}  // namespace ranef
