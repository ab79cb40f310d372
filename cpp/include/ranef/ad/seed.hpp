#pragma once
// A predictor itself, before anything was computed from it.
//
// Its expansion is value + x, so a function of it has the function's Taylor coefficients as its own: no products.
// `Seed<3>` becomes a `Jet<1, 3>` by the first function applied, `Seed<0>` a number.

#include "ranef/ad/jet_math.hpp"

namespace ranef {

template <int Order>
struct Seed {
  double at;
};

template <int Order>
inline double value_of(const Seed<Order>& x) {
  return x.at;
}

/// Number of derivatives that a scalar carries.
template <class T>
inline constexpr int order_of = 0;
template <class L, unsigned V>
inline constexpr int order_of<BasicJet<L, V>> = BasicJet<L, V>::order;
template <int Order>
inline constexpr int order_of<Seed<Order>> = Order;

/// What a function of a scalar is.
template <class T>
struct ExpandedType {
  using type = T;
};
template <>
struct ExpandedType<Seed<0>> {
  using type = double;
};
template <int Order>
struct ExpandedType<Seed<Order>> {
  using type = Jet<1, Order>;
};
template <class T>
using Expanded = typename ExpandedType<T>::type;

inline double compose(double, const Taylor<0>& f) { return f[0]; }

template <int Order>
inline Expanded<Seed<Order>> compose(const Seed<Order>&, const Taylor<Order>& f) {
  if constexpr (Order == 0) {
    return f[0];
  } else {
    Jet<1, Order> out;
    for (int j = 0; j <= Order; ++j) out[j] = f[std::size_t(j)];
    return out;
  }
}

template <class Function, int Order>
inline auto apply(const Function& function, const Seed<Order>& x) {
  return compose(x, function.template taylor<Order>(x.at));
}

template <int Order>
inline auto exp(const Seed<Order>& x) {
  return apply(Exp(), x);
}
template <int Order>
inline auto expm1(const Seed<Order>& x) {
  return apply(Expm1(), x);
}
template <int Order>
inline auto log(const Seed<Order>& x) {
  return apply(Log(), x);
}

/// The predictor as an ordinary scalar.
template <int Order>
inline Expanded<Seed<Order>> expand(const Seed<Order>& x) {
  return compose(x, from_derivatives<Order>(x.at, 1.0, 0.0, 0.0));
}

/// f(-x).
template <class Function, int Order>
inline auto apply_reflected(const Function& function, const Seed<Order>& x) {
  Taylor<Order> f = function.template taylor<Order>(-x.at);
  for (std::size_t j = 1; j <= Order; j += 2) f[j] = -f[j];
  return compose(x, f);
}

}  // namespace ranef
