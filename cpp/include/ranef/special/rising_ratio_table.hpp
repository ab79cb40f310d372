#pragma once
// log_rising_ratio(log_a, n) for one a and many n: a running table, since D(tau, n + 1) = D(tau, n) + log(1 + n / a).

#include <array>

#include "ranef/special/log_rising_ratio.hpp"

namespace ranef {

template <class T>
class RisingRatioTable {
 public:
  void set(const T& log_a) {
    log_a_ = log_a;
    a_ = std::exp(value_of(log_a));
    filled_ = 0;
    fresh_ = true;
  }

  /// The first request for an a is answered directly, later ones from the table: where a changes from row to row
  /// a table would be built for each.
  T operator()(double n) {
    if (fresh_ || !(n < kSize)) {
      fresh_ = false;
      return log_rising_ratio(log_a_, n);
    }
    const int wanted = int(n);
    if (filled_ == 0) {
      table_[0] = T(0.0);
      table_[1] = T(0.0);
      filled_ = 2;
    }
    for (; filled_ <= wanted; ++filled_) table_[filled_] = table_[filled_ - 1] + term(filled_ - 1);
    return table_[wanted];
  }

 private:
  static constexpr int kSize = 128;

  T term(int k) const {
    if constexpr (is_jet_v<T>) {
      return compose(log_a_, LogRisingRatio::sum_term<T::order>(value_of(log_a_), a_, k));
    } else {
      return LogRisingRatio::sum_term<0>(log_a_, a_, k)[0];
    }
  }

  T log_a_;
  double a_ = 1.0;
  int filled_ = 0;
  bool fresh_ = true;
  std::array<T, kSize> table_;
};

}  // namespace ranef
