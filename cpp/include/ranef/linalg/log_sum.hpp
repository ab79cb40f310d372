#pragma once
// Sum of logarithms, by the logarithm of products while they stay in range: one logarithm for many pivots.

#include <cmath>

namespace ranef {

class LogSum {
 public:
  void add(double pivot) {
    product_ *= pivot;
    if (product_ > 1e100 || product_ < 1e-100) flush();
  }
  double total() {
    flush();
    return sum_;
  }

 private:
  void flush() {
    sum_ += std::log(product_);
    product_ = 1.0;
  }
  double sum_ = 0.0, product_ = 1.0;
};

}  // namespace ranef
