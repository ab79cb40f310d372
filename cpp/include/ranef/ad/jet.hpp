#pragma once
// Truncated multivariate Taylor scalars.
//
// A jet carries the Taylor coefficients of a function of the predictors in the ring of ad/ring.hpp. Example, the
// Poisson negative log-likelihood mu - y log(mu) at eta = 0.3, y = 2:
//
//     using J = Jet<1, 2>;
//     const J eta = J::variable(0, 0.3);
//     const J nll = exp(eta) - 2.0 * eta;
//     nll.value();           // exp(0.3) - 0.6
//     nll.derivative(0);     // exp(0.3) - 2
//     nll.derivative(0, 0);  // exp(0.3)
//
// The type also records on which predictors a value depends (a bit set). Mixed arithmetic with a jet of other
// predictors gives a jet in the union; with a double it costs one operation a coefficient or less. Elementary functions
// are in ad/jet_math.hpp.

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "ranef/ad/ring.hpp"

namespace ranef {

template <class Truncation, unsigned Variables>
class BasicJet {
 public:
  using truncation = Truncation;
  using ring = Ring<Truncation, Variables>;
  static constexpr unsigned variables = Variables;
  static constexpr int size = ring::size;
  static constexpr int order = ring::order;

  /// Coefficients are left unset.
  BasicJet() = default;

  /// A constant.
  BasicJet(double constant) : coefficients_{} { coefficients_[0] = constant; }  // NOLINT: numbers are constants

  /// The same function, seen as one of more predictors.
  template <unsigned Fewer, class = std::enable_if_t<Fewer != Variables && (Fewer & Variables) == Fewer>>
  BasicJet(const BasicJet<Truncation, Fewer>& other) : coefficients_{} {  // NOLINT: a subring
    *this = BasicJet(other, std::make_index_sequence<BasicJet<Truncation, Fewer>::size>());
  }

  /// Predictor k at `value`.
  static BasicJet variable(int k, double value) {
    BasicJet jet(value);
    jet.coefficients_[ring::index(k)] = 1.0;
    return jet;
  }

  double value() const { return coefficients_[0]; }
  double& operator[](int i) { return coefficients_[i]; }
  double operator[](int i) const { return coefficients_[i]; }

  /// Partial derivatives of order 1, 2, 3.
  double derivative(int a) const { return coefficients_[first_place[a]]; }
  double derivative(int a, int b) const { return scaled(second_place[a][b]); }
  double derivative(int a, int b, int c) const { return scaled(third_place[a][b][c]); }

 private:
  static constexpr int K = Truncation::variables;

  template <unsigned Fewer, std::size_t... I>
  BasicJet(const BasicJet<Truncation, Fewer>& other, std::index_sequence<I...>) : coefficients_{} {
    using from = typename BasicJet<Truncation, Fewer>::ring;
    ((coefficients_[std::integral_constant<int, ring::index(from::monomials[I])>::value] = other[int(I)]), ...);
  }

  static constexpr auto make_first() {
    std::array<int, K> place{};
    for (int a = 0; a < K; ++a) place[a] = ring::index(a);
    return place;
  }
  static constexpr auto make_second() {
    std::array<std::array<int, K>, K> place{};
    for (int a = 0; a < K; ++a) {
      for (int b = 0; b < K; ++b) place[a][b] = ring::index(a, b);
    }
    return place;
  }
  static constexpr auto make_third() {
    std::array<std::array<std::array<int, K>, K>, K> place{};
    for (int a = 0; a < K; ++a) {
      for (int b = 0; b < K; ++b) {
        for (int c = 0; c < K; ++c) place[a][b][c] = ring::index(a, b, c);
      }
    }
    return place;
  }
  static constexpr auto make_factorials() {
    std::array<double, size> factorial{};
    for (int i = 0; i < size; ++i) factorial[i] = ring::factorial(i);
    return factorial;
  }
  static constexpr auto first_place = make_first();
  static constexpr auto second_place = make_second();
  static constexpr auto third_place = make_third();
  static constexpr auto factorials = make_factorials();

  double scaled(int i) const { return factorials[i] * coefficients_[i]; }

  std::array<double, size> coefficients_;
};

/// All derivatives up to `Order` in K predictors.
template <int K, int Order>
using Jet = BasicJet<TotalDegree<K, Order>, (1U << K) - 1U>;

/// The derivatives l'_k, W_0k and T_00k of K predictors in one pass.
template <int K>
using DirectionalJet = BasicJet<MeanDirection<K>, (1U << K) - 1U>;

template <class T>
struct is_jet : std::false_type {};
template <class Truncation, unsigned Variables>
struct is_jet<BasicJet<Truncation, Variables>> : std::true_type {};
template <class T>
inline constexpr bool is_jet_v = is_jet<T>::value;

inline double value_of(double x) { return x; }
template <class L, unsigned V>
double value_of(const BasicJet<L, V>& x) {
  return x.value();
}

namespace detail {

template <class Table, class Out, class Left, class Right, std::size_t... I>
inline void multiply_entries(Out& out, const Left& a, const Right& b, std::index_sequence<I...>) {
  ((Table::entries[I].first
        ? void(out[Table::entries[I].out] = a[Table::entries[I].left] * b[Table::entries[I].right])
        : void(out[Table::entries[I].out] += a[Table::entries[I].left] * b[Table::entries[I].right])),
   ...);
}

/// The product of the parts of a and b of degree >= MinLeft and MinRight; coefficients below that are zero.
template <int MinLeft, int MinRight, class L, unsigned V, unsigned U>
inline BasicJet<L, V | U> product(const BasicJet<L, V>& a, const BasicJet<L, U>& b) {
  using Out = BasicJet<L, V | U>;
  using Table = ProductTable<Ring<L, V>, Ring<L, U>, typename Out::ring, MinLeft, MinRight>;
  Out out(0.0);
  multiply_entries<Table>(out, a, b, std::make_index_sequence<std::size_t(Table::size)>());
  return out;
}

/// Adds (Sign = 1) or subtracts the coefficients of b, of a subring, in place.
template <int Sign, class Out, class B, std::size_t... I>
inline void accumulate(Out& out, const B& b, std::index_sequence<I...>) {
  ((out[std::integral_constant<int, Out::ring::index(B::ring::monomials[I])>::value] += Sign * b[int(I)]), ...);
}

}  // namespace detail

template <class L, unsigned V, unsigned U>
inline BasicJet<L, V | U> operator*(const BasicJet<L, V>& a, const BasicJet<L, U>& b) {
  return detail::product<0, 0>(a, b);
}

template <class L, unsigned V, unsigned U>
inline BasicJet<L, V | U> operator+(const BasicJet<L, V>& a, const BasicJet<L, U>& b) {
  BasicJet<L, V | U> out(a);
  detail::accumulate<1>(out, b, std::make_index_sequence<std::size_t(BasicJet<L, U>::size)>());
  return out;
}

template <class L, unsigned V, unsigned U>
inline BasicJet<L, V | U> operator-(const BasicJet<L, V>& a, const BasicJet<L, U>& b) {
  BasicJet<L, V | U> out(a);
  detail::accumulate<-1>(out, b, std::make_index_sequence<std::size_t(BasicJet<L, U>::size)>());
  return out;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator*(const BasicJet<L, V>& a, double b) {
  BasicJet<L, V> out;
  for (int i = 0; i < out.size; ++i) out[i] = a[i] * b;
  return out;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator*(double a, const BasicJet<L, V>& b) {
  return b * a;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator-(const BasicJet<L, V>& a) {
  BasicJet<L, V> out;
  for (int i = 0; i < out.size; ++i) out[i] = -a[i];
  return out;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator+(BasicJet<L, V> a, double b) {
  a[0] += b;
  return a;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator+(double a, const BasicJet<L, V>& b) {
  return b + a;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator-(BasicJet<L, V> a, double b) {
  a[0] -= b;
  return a;
}

template <class L, unsigned V>
inline BasicJet<L, V> operator-(double a, const BasicJet<L, V>& b) {
  return -b + a;
}

}  // namespace ranef
