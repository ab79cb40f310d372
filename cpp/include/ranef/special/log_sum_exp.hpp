#pragma once
// log(e^a + e^b) and log(e^a - e^b): sums and differences of numbers held as logarithms.
//
// The larger term is taken out, so nothing overflows; both branches are the same analytic function, so derivatives
// agree where they meet.

#include "ranef/special/log1m_exp.hpp"
#include "ranef/special/log1p_exp.hpp"

namespace ranef {

template <class A, class B>
inline auto log_sum_exp(const A& a, const B& b) {
  using T = decltype(a + b);
  if (value_of(a) == -HUGE_VAL) return T(b);
  return value_of(a) >= value_of(b) ? T(a + log1p_exp(b - a)) : T(b + log1p_exp(a - b));
}

/// Needs a > b.
template <class A, class B>
inline auto log_diff_exp(const A& a, const B& b) {
  return a + log1m_exp(b - a);
}

}  // namespace ranef
