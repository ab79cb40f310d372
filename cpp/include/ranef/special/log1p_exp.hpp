#pragma once
// log(1 + e^x), its derivative the logistic function, and what cancels between them.
//
// With p = 1 / (1 + e^-x), q = 1 - p:  (log(1 + e^x))' = p,  p' = p q,  p'' = p q (q - p).

#include <cmath>

#include "ranef/ad/jet_math.hpp"
#include "ranef/special/log1p_minus.hpp"

namespace ranef {

/// log(1 + x) for x >= 0: the rounding error of 1 + x is put back to first order (one logarithm, no branch).
inline double log1p_positive(double x) {
  const double w = 1.0 + x;
  return std::log(w) - ((w - 1.0) - x) / w;
}

/// log(1 + x) for 0 <= x <= 1, without a branch or a call: log((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...) with
/// s = x / (2 + x), or above sqrt(2) - 1 the same of (1 + x) / 2; s^2 < 0.0295 leaves less than 3e-17 of the value.
inline double log1p_unit(double x) {
  const double upper = x > 0.41421356237309503 ? 1.0 : 0.0;
  const double s = (x - upper) / (x + 2.0 + upper);
  const double z = s * s, z2 = z * z, z4 = z2 * z2;
  const double low = (1.0 / 3.0 + z * (1.0 / 5.0)) + z2 * (1.0 / 7.0 + z * (1.0 / 9.0));
  const double high = (1.0 / 11.0 + z * (1.0 / 13.0)) + z2 * (1.0 / 15.0 + z * (1.0 / 17.0));
  const double tail = z * (low + z4 * (high + z4 * (1.0 / 19.0)));
  return upper * 0.69314718055994531 + 2.0 * (s + s * tail);
}

/// Of e = exp(-|x|): the logistic function of x and of -x, and log(1 + e).
struct LogisticParts {
  double log1p_e, p, q;

  explicit LogisticParts(double x) : LogisticParts(x, std::exp(-std::abs(x))) {}

  LogisticParts(double x, double e) {
    const double large = 1.0 / (1.0 + e);
    const double small = e * large;
    log1p_e = log1p_unit(e);
    p = x > 0.0 ? large : small;
    q = x > 0.0 ? small : large;
  }
};

struct Log1pExp {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const LogisticParts parts(x);
    const double pq = parts.p * parts.q;
    return from_derivatives<Order>((x > 0.0 ? x : 0.0) + parts.log1p_e, parts.p, pq, pq * (parts.q - parts.p));
  }
};

struct Logistic {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double e = std::exp(-std::abs(x));
    const double large = 1.0 / (1.0 + e);
    const double p = x > 0.0 ? large : e * large;
    const double q = x > 0.0 ? e * large : large;
    const double pq = p * q;
    return from_derivatives<Order>(p, pq, pq * (q - p), pq * (1.0 - 6.0 * pq));
  }
};

/// r(x) = log(1 + u) - u / (1 + u) with u = e^x, which is u^2 / 2 for small u; r' = p^2.
struct Log1pExpRemainder {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double u = std::exp(x);
    const double q = 1.0 / (1.0 + u);
    const double p = x > 0.0 ? 1.0 / (1.0 + 1.0 / u) : u * q;
    const double value = u < 0.25 ? log1p_minus(u) + u * p : (x > 0.0 ? x + std::log1p(1.0 / u) : std::log1p(u)) - p;
    return from_derivatives<Order>(value, p * p, 2.0 * p * p * q, 2.0 * p * p * q * (2.0 * q - p));
  }
};

template <class T>
inline auto log1p_exp(const T& x) {
  return apply(Log1pExp(), x);
}

template <class T>
inline auto logistic(const T& x) {
  return apply(Logistic(), x);
}

template <class T>
inline auto log1p_exp_remainder(const T& x) {
  return apply(Log1pExpRemainder(), x);
}

/// log(1 + e^x) where u = e^x is at hand; x itself where u overflows.
template <class T>
inline T log1p_exp_given(const T& x, double u) {
  if (!(u < 1e300)) return x;
  if constexpr (is_jet_v<T>) {
    const double q = 1.0 / (1.0 + u);
    const double p = u * q;
    return compose(x, from_derivatives<T::order>(log1p_positive(u), p, p * q, p * q * (q - p)));
  } else {
    return log1p_positive(u);
  }
}

}  // namespace ranef
