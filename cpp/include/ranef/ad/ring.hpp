#pragma once
// The polynomial rings in which derivatives are computed.
//
// Replace every predictor eta_k by eta_k + x_k and expand: the coefficient of x^alpha in the expansion of
// l(eta + x) is the derivative of order alpha divided by alpha!. Arithmetic on such expansions, with every
// monomial outside a chosen set dropped, gives exact derivatives as long as the set is closed downwards (with
// x^alpha it holds every divisor of x^alpha). A truncation names that set:
//
//   TotalDegree<2, 2>      1, x0, x1, x0^2, x0 x1, x1^2           all derivatives up to order 2
//   MeanDirection<2>       1, x0, x1, x0^2, x0 x1, x0^3, x0^2 x1  those with at most one step off x0
//
// `Ring` keeps the monomials of a truncation in a chosen subset of the variables, so that log(phi), which depends
// on one predictor, carries four numbers, and only its product with log(mu) carries more. The index tables of a
// product are compile-time constants: products become straight-line code.

#include <array>
#include <initializer_list>

namespace ranef {

/// All monomials of degree <= Order in K variables.
template <int K, int Order>
struct TotalDegree {
  static constexpr int variables = K;
  static constexpr int order = Order;
  static constexpr bool contains(const std::array<int, K>& exponents) {
    int degree = 0;
    for (const int e : exponents) degree += e;
    return degree <= Order;
  }
};

/// Monomials of degree <= 3 with at most one factor other than x0: l'_k, W_0k and T_00k for every k.
template <int K>
struct MeanDirection {
  static constexpr int variables = K;
  static constexpr int order = 3;
  static constexpr bool contains(const std::array<int, K>& exponents) {
    int degree = 0;
    for (const int e : exponents) degree += e;
    return degree <= 3 && degree - exponents[0] <= 1;
  }
};

/// Monomials of `Truncation` in the variables of the bit set `Variables`, by degree, then x0 first.
template <class Truncation, unsigned Variables>
struct Ring {
  static constexpr int variables = Truncation::variables;
  using Exponents = std::array<int, variables>;

  static constexpr int degree(const Exponents& exponents) {
    int total = 0;
    for (const int e : exponents) total += e;
    return total;
  }

  static constexpr bool contains(const Exponents& exponents) {
    for (int k = 0; k < variables; ++k) {
      if (exponents[k] > 0 && ((Variables >> k) & 1U) == 0) return false;
    }
    return Truncation::contains(exponents);
  }

  /// Calls visit(exponents) for every monomial, in the ring's order.
  template <class Visit>
  static constexpr void for_each(Visit visit) {
    constexpr int base = Truncation::order + 1;
    int codes = 1;
    for (int k = 0; k < variables; ++k) codes *= base;
    for (int total = 0; total <= Truncation::order; ++total) {
      for (int code = 0; code < codes; ++code) {
        Exponents exponents{};
        int rest = code;
        for (int k = 0; k < variables; ++k, rest /= base) exponents[k] = rest % base;
        if (degree(exponents) == total && contains(exponents)) visit(exponents);
      }
    }
  }

  static constexpr int count() {
    int n = 0;
    for_each([&n](const Exponents&) { ++n; });
    return n;
  }
  static constexpr int size = count();

  static constexpr std::array<Exponents, size> list() {
    std::array<Exponents, size> all{};
    int n = 0;
    for_each([&all, &n](const Exponents& exponents) { all[n++] = exponents; });
    return all;
  }
  static constexpr std::array<Exponents, size> monomials = list();
  static constexpr int order = degree(monomials[size - 1]);

  /// Place of a monomial; -1 if the ring does not hold it.
  static constexpr int index(const Exponents& exponents) {
    for (int i = 0; i < size; ++i) {
      bool same = true;
      for (int k = 0; k < variables; ++k) same = same && monomials[i][k] == exponents[k];
      if (same) return i;
    }
    return -1;
  }

  /// Place of x_a x_b x_c; a negative argument is left out of the product.
  static constexpr int index(int a, int b = -1, int c = -1) {
    Exponents exponents{};
    for (const int k : {a, b, c}) {
      if (k >= 0) ++exponents[k];
    }
    return index(exponents);
  }

  /// alpha! of the monomial at place i: from a Taylor coefficient to a derivative.
  static constexpr double factorial(int i) {
    double product = 1.0;
    for (const int e : monomials[i]) {
      for (int j = 2; j <= e; ++j) product *= j;
    }
    return product;
  }
};

/// Where coefficient `left` of one factor times coefficient `right` of the other goes.
struct ProductEntry {
  int left, right, out;
  bool first;  ///< the first contribution to `out`
};

/// Products of a monomial of Left (degree >= MinLeft) with one of Right (degree >= MinRight), sorted by place in Out.
template <class Left, class Right, class Out, int MinLeft = 0, int MinRight = 0>
struct ProductTable {
  template <class Visit>
  static constexpr void for_each(Visit visit) {
    int code[Left::size][Right::size] = {};
    for (int i = 0; i < Left::size; ++i) {
      for (int j = 0; j < Right::size; ++j) {
        auto exponents = Left::monomials[i];
        for (int k = 0; k < Left::variables; ++k) exponents[k] += Right::monomials[j][k];
        const bool wanted =
            Left::degree(Left::monomials[i]) >= MinLeft && Right::degree(Right::monomials[j]) >= MinRight;
        code[i][j] = wanted && Out::contains(exponents) ? Out::index(exponents) : -1;
      }
    }
    for (int out = 0; out < Out::size; ++out) {
      bool first = true;
      for (int i = 0; i < Left::size; ++i) {
        for (int j = 0; j < Right::size; ++j) {
          if (code[i][j] != out) continue;
          visit(ProductEntry{i, j, out, first});
          first = false;
        }
      }
    }
  }
  static constexpr int count() {
    int n = 0;
    for_each([&n](const ProductEntry&) { ++n; });
    return n;
  }
  static constexpr int size = count();
  static constexpr std::array<ProductEntry, size> list() {
    std::array<ProductEntry, size> all{};
    int n = 0;
    for_each([&all, &n](const ProductEntry& entry) { all[n++] = entry; });
    return all;
  }
  static constexpr std::array<ProductEntry, size> entries = list();
};

}  // namespace ranef
