#pragma once
// Elementary functions of a jet.
//
// A function supplies its Taylor coefficients f, f', f''/2, f'''/6 at a number; with h = x - x0 the part of the jet
// without constant term,
//
//     f(x) = f(x0) + f'(x0) h + f''(x0)/2 h^2 + f'''(x0)/6 h^3,
//
// exact in a ring of order 3 since h^4 = 0 there. So each function is written once, for doubles, and works for
// every jet:
//
//     struct Exp {
//       template <int Order> static Taylor<Order> taylor(double x) {
//         const double e = std::exp(x);
//         return from_derivatives<Order>(e, e, e, e);
//       }
//     };
//     apply(Exp(), x)     // x a double or a jet

#include <array>
#include <cmath>

#include "ranef/ad/jet.hpp"

namespace ranef {

using std::atan;
using std::exp;
using std::expm1;
using std::log;
using std::log1p;
using std::pow;
using std::sqrt;

/// Taylor coefficients f, f', f''/2!, f'''/3! up to `Order`.
template <int Order>
using Taylor = std::array<double, std::size_t(Order) + 1>;

template <int Order>
inline Taylor<Order> from_derivatives(double f, [[maybe_unused]] double df, [[maybe_unused]] double d2f,
                                      [[maybe_unused]] double d3f) {
  static_assert(Order <= 3, "functions supply three derivatives");
  Taylor<Order> t;
  t[0] = f;
  if constexpr (Order >= 1) t[1] = df;
  if constexpr (Order >= 2) t[2] = 0.5 * d2f;
  if constexpr (Order >= 3) t[3] = d3f * (1.0 / 6.0);
  return t;
}

/// f(x) from the Taylor coefficients of f at the value of x.
template <class L, unsigned V>
inline BasicJet<L, V> compose(const BasicJet<L, V>& x, const Taylor<BasicJet<L, V>::order>& f) {
  using J = BasicJet<L, V>;
  J out;
  out[0] = f[0];
  if constexpr (J::order >= 1) {
    for (int i = 1; i < J::size; ++i) out[i] = f[1] * x[i];
  }
  if constexpr (J::order >= 2) {
    const J square = detail::product<1, 1>(x, x);
    for (int i = 1; i < J::size; ++i) {
      if (J::ring::degree(J::ring::monomials[i]) >= 2) out[i] += f[2] * square[i];
    }
    if constexpr (J::order >= 3) {
      const J cube = detail::product<2, 1>(square, x);
      for (int i = 1; i < J::size; ++i) {
        if (J::ring::degree(J::ring::monomials[i]) >= 3) out[i] += f[3] * cube[i];
      }
    }
  }
  return out;
}

template <class Function>
inline double apply(const Function& function, double x) {
  return function.template taylor<0>(x)[0];
}

template <class Function, class L, unsigned V>
inline BasicJet<L, V> apply(const Function& function, const BasicJet<L, V>& x) {
  return compose(x, function.template taylor<BasicJet<L, V>::order>(x.value()));
}

struct Exp {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double e = std::exp(x);
    return from_derivatives<Order>(e, e, e, e);
  }
};

struct Expm1 {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double e = Order > 0 ? std::exp(x) : 0.0;
    return from_derivatives<Order>(std::expm1(x), e, e, e);
  }
};

struct Log {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / x;
    return from_derivatives<Order>(std::log(x), r, -r * r, 2.0 * r * r * r);
  }
};

struct Log1p {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / (1.0 + x);
    return from_derivatives<Order>(std::log1p(x), r, -r * r, 2.0 * r * r * r);
  }
};

struct Reciprocal {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / x;
    return from_derivatives<Order>(r, -r * r, 2.0 * r * r * r, -6.0 * r * r * r * r);
  }
};

struct Sqrt {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double s = std::sqrt(x);
    const double r = 1.0 / x;
    return from_derivatives<Order>(s, 0.5 * s * r, -0.25 * s * r * r, 0.375 * s * r * r * r);
  }
};

struct Pow {
  double power;
  template <int Order>
  Taylor<Order> taylor(double x) const {
    const double f = std::pow(x, power);
    const double r = 1.0 / x;
    const double df = power * f * r;
    const double d2f = (power - 1.0) * df * r;
    return from_derivatives<Order>(f, df, d2f, (power - 2.0) * d2f * r);
  }
};

struct Atan {
  template <int Order>
  static Taylor<Order> taylor(double x) {
    const double r = 1.0 / (1.0 + x * x);
    return from_derivatives<Order>(std::atan(x), r, -2.0 * x * r * r, (6.0 * x * x - 2.0) * r * r * r);
  }
};

template <class L, unsigned V>
inline BasicJet<L, V> exp(const BasicJet<L, V>& x) {
  return apply(Exp(), x);
}
template <class L, unsigned V>
inline BasicJet<L, V> expm1(const BasicJet<L, V>& x) {
  return apply(Expm1(), x);
}
template <class L, unsigned V>
inline BasicJet<L, V> log(const BasicJet<L, V>& x) {
  return apply(Log(), x);
}
template <class L, unsigned V>
inline BasicJet<L, V> log1p(const BasicJet<L, V>& x) {
  return apply(Log1p(), x);
}
template <class L, unsigned V>
inline BasicJet<L, V> sqrt(const BasicJet<L, V>& x) {
  return apply(Sqrt(), x);
}
template <class L, unsigned V>
inline BasicJet<L, V> pow(const BasicJet<L, V>& x, double power) {
  return apply(Pow{power}, x);
}
template <class L, unsigned V>
inline BasicJet<L, V> atan(const BasicJet<L, V>& x) {
  return apply(Atan(), x);
}

template <class T>
inline auto reciprocal(const T& x) {
  return apply(Reciprocal(), x);
}

/// x up to a limit beyond which nothing changes any more: a parameter at infinity is held as the limit, a constant.
template <class T>
inline T at_most(const T& x, double limit) {
  return value_of(x) > limit ? T(limit) : x;
}
template <class T>
inline T at_least(const T& x, double limit) {
  return value_of(x) < limit ? T(limit) : x;
}

template <class T>
inline T square(const T& x) {
  return x * x;
}

template <class L, unsigned V, unsigned U>
inline BasicJet<L, V | U> operator/(const BasicJet<L, V>& a, const BasicJet<L, U>& b) {
  return a * reciprocal(b);
}
template <class L, unsigned V>
inline BasicJet<L, V> operator/(const BasicJet<L, V>& a, double b) {
  return a * (1.0 / b);
}
template <class L, unsigned V>
inline BasicJet<L, V> operator/(double a, const BasicJet<L, V>& b) {
  return a * reciprocal(b);
}

}  // namespace ranef
