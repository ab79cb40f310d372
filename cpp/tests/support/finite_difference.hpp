#pragma once
// Fourth-order central differences: error h^4 f''''' / 30 plus rounding eps |f| / h.

namespace ranef::test {

template <class Function>
double central_difference(Function f, double x, double h) {
  return (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
}

}  // namespace ranef::test
