#pragma once
// log of the rising factorial over its leading power, as a function of tau = log a:
//
//     D(tau, n) = log[ Gamma(a + n) / (Gamma(a) a^n) ] = sum_{k=1}^{n-1} log(1 + k / a),      n = 0, 1, 2, ...
//
// Every count distribution with a gamma or beta mixture is built from D, and D -> 0 as a -> infinity is its Poisson
// or binomial limit: there is no difference of large log Gammas. Short sums are added up; with q_k = k / (k + a),
//
//     dD/dtau = -sum q_k,    d2D = sum q_k (1 - q_k),    d3D = -sum q_k (1 - q_k) (1 - 2 q_k).
//
// Long ones go through Stirling's formula at a >= 16, reached by summing the first terms:
//
//     D = sum_{k<m} log(1 + k/a) + (n - m) log(1 + m/a) + E(a + m, n - m)
//     E(a, n) = (a + n - 1/2) log(1 + n/a) - n + S(a + n) - S(a)

#include <cmath>

#include "ranef/special/lgamma.hpp"
#include "ranef/special/log1p_exp.hpp"
#include "ranef/special/log1p_minus.hpp"

namespace ranef {

class LogRisingRatio {
 public:
  explicit LogRisingRatio(double n) : n_(n) {}

  template <int Order>
  Taylor<Order> taylor(double tau) const {
    if (tau > kLargestLog) return Taylor<Order>{};
    const double a = std::exp(tau);
    if (n_ <= kLongest) return sum<Order>(a, tau, int(n_));
    const int m = a < kStirlingStart ? int(kStirlingStart - a) + 1 : 0;
    Taylor<Order> t = excess<Order>(a, m);
    if (m > 0) {
      const Taylor<Order> first = sum<Order>(a, tau, m);
      const Taylor<Order> step = sum_term<Order>(tau, a, double(m));
      for (std::size_t j = 0; j <= Order; ++j) t[j] += first[j] + (n_ - m) * step[j];
    }
    return t;
  }

  /// Above this log a, D < n^2 / a is nothing: the limit.
  static constexpr double kLargestLog = 690.0;

  /// log(1 + k / a) in tau = log a.
  template <int Order>
  static Taylor<Order> sum_term(double tau, double a, double k) {
    const double q = k / (k + a);
    const double p = a / (k + a);
    const double value = a > 1e-290 * k ? log1p_positive(k / a) : std::log(k) - tau;
    return from_derivatives<Order>(value, -q, q * p, -q * p * (p - q));
  }

 private:
  static constexpr int kLongest = 40;  ///< sums up to here are as fast as Stirling's formula
  static constexpr double kStirlingStart = 16.0;

  /// The terms k = 1 .. n - 1, one logarithm for all: of prod (1 + k / a) - 1 if a >= 1, else of prod (a + k).
  template <int Order>
  static Taylor<Order> sum(double a, double tau, int n) {
    double sum1 = 0.0, sum2 = 0.0, sum3 = 0.0;
    const double r = 1.0 / a;
    double excess = 0.0;   // prod (1 + k / a) - 1
    double product = 1.0;  // prod (a + k)
    for (int k = 1; k < n; ++k) {
      if (a >= 1.0) {
        excess += (1.0 + excess) * (k * r);
      } else {
        product *= a + k;
      }
      if constexpr (Order >= 1) {
        const double s = 1.0 / (k + a);
        const double q = k * s;
        const double p = a * s;
        sum1 -= q;
        sum2 += q * p;
        sum3 -= q * p * (p - q);
      }
    }
    const double value = n < 2 ? 0.0 : a >= 1.0 ? log1p_positive(excess) : std::log(product) - (n - 1) * tau;
    return from_derivatives<Order>(value, sum1, sum2, sum3);
  }

  /// E(a + m, n - m) in tau: its two parts in tau' = log(a + m), and tau' in tau.
  template <int Order>
  Taylor<Order> excess(double a, int m) const {
    using J = BasicJet<TotalDegree<1, Order>, Order == 0 ? 0U : 1U>;
    const double start = a + m;
    const double p = a / start, q = m / start;
    const J tau_start = to_jet<J>(from_derivatives<Order>(std::log(start), p, p * q, p * q * (q - p)));
    const J shape = compose(tau_start, from_derivatives<Order>(start, start, start, start));
    const J out = compose(tau_start, power_part<Order>(start, n_ - m)) + apply(StirlingError(), shape + (n_ - m)) -
                  apply(StirlingError(), shape);
    Taylor<Order> t;
    for (int j = 0; j <= Order; ++j) t[std::size_t(j)] = out[j];
    return t;
  }

  template <class J, std::size_t N>
  static J to_jet(const std::array<double, N>& t) {
    J out;
    for (std::size_t j = 0; j < N; ++j) out[int(j)] = t[j];
    return out;
  }

  /// (a + n - 1/2) s - n in log a, s = log(1 + x), x = n/a; its derivatives, with q = n / (a + n), p = 1 - q:
  /// a s - n + q/2,   a (s - q) - p q/2,   a (s - q - q^2) - p q (q - p)/2.
  template <int Order>
  static Taylor<Order> power_part(double a, double n) {
    const double x = n / a;
    const double q = n / (a + n), p = a / (a + n);
    const double s = std::log1p(x);
    const double s_minus_x = x < 1.0 ? Log1pMinus::value(x) : s - x;
    const double s_minus_q = x < 1.0 ? s_minus_x + x * q : s - q;
    const double value = x < 1.0 ? (a + (n - 0.5)) * s_minus_x + (n - 0.5) * x : (a + (n - 0.5)) * s - n;
    return from_derivatives<Order>(value, a * s_minus_x + 0.5 * q, a * s_minus_q - 0.5 * p * q,
                                   a * (s_minus_q - q * q) - 0.5 * p * q * (q - p));
  }

  double n_;
};

/// D(log_a, n), n a whole number >= 0.
template <class T>
inline auto log_rising_ratio(const T& log_a, double n) {
  return apply(LogRisingRatio(n), log_a);
}

}  // namespace ranef
