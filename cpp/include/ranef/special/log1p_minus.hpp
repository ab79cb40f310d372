#pragma once
// log(1 + x) - x and e^x - 1 - x: what is left of a logarithm or an exponential after its linear part.

#include <cmath>

#include "ranef/ad/jet_math.hpp"

namespace ranef {

struct Log1pMinus {
  /// Near zero by log(1 + x) = 2 atanh(z), z = x / (2 + x): the linear parts leave -x^2 / (2 + x) exactly.
  static double value(double x) {
    if (std::abs(x) > 0.25) return std::log1p(x) - x;
    const double z = x / (2.0 + x);
    const double s = z * z;
    double sum = 1.0 / 19.0;
    for (int k = 17; k >= 3; k -= 2) sum = sum * s + 1.0 / k;
    return -x * z + 2.0 * z * s * sum;
  }

  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / (1.0 + x);
    return from_derivatives<Order>(value(x), -x * r, -r * r, 2.0 * r * r * r);
  }
};

struct Expm1Minus {
  /// Near zero by the power series x^2/2! + x^3/3! + ...
  static double series(double x) {
    double sum = 1.0;
    for (int k = 16; k >= 3; --k) sum = 1.0 + sum * x / k;
    return 0.5 * x * x * sum;
  }

  template <int Order>
  static Taylor<Order> taylor(double x) {
    if (std::abs(x) < 0.5) {
      const double rest = series(x);
      const double e = 1.0 + (x + rest);
      return from_derivatives<Order>(rest, x + rest, e, e);
    }
    const double e = std::exp(x);
    return from_derivatives<Order>(e - 1.0 - x, e - 1.0, e, e);
  }
};

/// log(1 + x) - x, x > -1.
template <class T>
inline auto log1p_minus(const T& x) {
  return apply(Log1pMinus(), x);
}

/// e^x - 1 - x.
template <class T>
inline auto expm1_minus(const T& x) {
  return apply(Expm1Minus(), x);
}

}  // namespace ranef
