#pragma once
// log(1 - e^x) for x < 0: the log of a probability from the log of its complement.
//
// With r = 1 / (e^-x - 1) the derivatives are -r, -r (1 + r), -r (1 + r) (1 + 2 r). Near zero log(-expm1(x)) keeps
// every digit, below -log 2 it is log1p(-e^x) that does (Maechler 2012). NaN for x > 0.

#include <cmath>

#include "ranef/ad/jet_math.hpp"

namespace ranef {

struct Log1mExp {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    constexpr double log_2 = 0.693147180559945309417;
    const double m = -std::expm1(x);
    const double e = x > -log_2 ? 1.0 - m : std::exp(x);
    const double value = x > -log_2 ? std::log(m) : std::log1p(-e);
    const double r = e / m;
    const double d2 = -r * (1.0 + r);
    return from_derivatives<Order>(value, -r, d2, d2 * (1.0 + 2.0 * r));
  }
};

template <class T>
inline auto log1m_exp(const T& x) {
  return apply(Log1mExp(), x);
}

}  // namespace ranef
