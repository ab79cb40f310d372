#pragma once
// The error of Stirling's formula as a function of tau = log x: S(e^tau).
//
// Near x = 0 the derivatives of S in x overflow long before S does (S''' is of order x^-3), while in tau they tend to
// constants. Below 10, with log Gamma(x) = log Gamma(x + m) - tau - sum_{k=1}^{m-1} log(x + k) and p_k = x / (x + k),
//
//     d log(x + k) / dtau = p_k,   d2 = p_k (1 - p_k),   d3 = p_k (1 - p_k) (1 - 2 p_k).

#include <cmath>

#include "ranef/special/lgamma.hpp"

namespace ranef {

struct StirlingErrorExp {
  template <int Order>
  static Taylor<Order> taylor(double tau) {
    const double x = std::exp(tau);
    if (x >= detail::kStirlingStart) return in_log<Order>(x, detail::stirling_large<Order>(x));
    const int m = detail::stirling_shift(x);
    Taylor<Order> raised = detail::stirling_formula<Order>(x + m);
    const Taylor<Order> error = detail::stirling_large<Order>(x + m);
    for (std::size_t j = 0; j <= Order; ++j) raised[j] += error[j];
    Taylor<Order> t = in_log<Order>(x, raised);
    const Taylor<Order> rest = below<Order>(tau, x, m);
    for (std::size_t j = 0; j <= Order; ++j) t[j] -= rest[j];
    return t;
  }

 private:
  /// From Taylor coefficients in x to those in tau.
  template <int Order>
  static Taylor<Order> in_log(double x, const Taylor<Order>& f) {
    const double d1 = Order >= 1 ? f[Order >= 1 ? 1 : 0] : 0.0;
    const double d2 = Order >= 2 ? 2.0 * f[Order >= 2 ? 2 : 0] : 0.0;
    const double d3 = Order >= 3 ? 6.0 * f[Order >= 3 ? 3 : 0] : 0.0;
    return from_derivatives<Order>(f[0], x * d1, x * (d1 + x * d2), x * (d1 + x * (3.0 * d2 + x * d3)));
  }

  /// tau + sum_{k=1}^{m-1} log(x + k) + (x - 1/2) tau - x + 1/2 log(2 pi).
  template <int Order>
  static Taylor<Order> below(double tau, double x, int m) {
    double product = 1.0;
    double sum1 = 0.0, sum2 = 0.0, sum3 = 0.0;
    for (int k = 1; k < m; ++k) {
      product *= x + k;
      if constexpr (Order >= 1) {
        const double p = x / (x + k);
        const double pq = p * (1.0 - p);
        sum1 += p;
        sum2 += pq;
        sum3 += pq * (1.0 - 2.0 * p);
      }
    }
    return from_derivatives<Order>(std::log(product) + (x + 0.5) * tau - x + kHalfLog2Pi, sum1 + x * tau + 0.5,
                                   sum2 + x * (tau + 1.0), sum3 + x * (tau + 2.0));
  }
};

/// S(e^tau).
template <class T>
inline auto stirling_error_exp(const T& tau) {
  return apply(StirlingErrorExp(), tau);
}

}  // namespace ranef
