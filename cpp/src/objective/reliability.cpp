#include "ranef/objective/reliability.hpp"

#include <cmath>

namespace ranef {

TermInformation term_information(const Covariance& covariance, const Vector& theta, const Matrix& scale,
                                 const ReliabilityMoments& k) {
  Matrix regular = scale;
  for (Index j = 0; j < scale.rows(); ++j)
    if (std::abs(regular(j, j)) < kLeastInformation) regular(j, j) = kLeastInformation;
  // Columns: F_p, row by row. tr(K F_p K F_q) summed over nodes is the form of the second moments of K, reordered.
  const Index w = scale.rows();
  Matrix relative(w * w, theta.size()), form(w * w, w * w);
  for (Index p = 0; p < theta.size(); ++p) {
    Matrix e = covariance.scale_derivative(theta, static_cast<int>(p));
    regular.triangularView<Eigen::Lower>().solveInPlace(e);
    for (Index b = 0; b < w; ++b)
      for (Index c = 0; c < w; ++c) relative(b * w + c, p) = e(b, c) + e(c, b);
  }
  for (Index a = 0; a < w; ++a)
    for (Index b = 0; b < w; ++b)
      for (Index c = 0; c < w; ++c)
        for (Index d = 0; d < w; ++d) form(b * w + c, d * w + a) = k.second(a * w + b, c * w + d);
  const Eigen::Map<const Vector> first(k.first.data(), w * w);
  TermInformation out;
  out.slope = 0.5 * relative.transpose().lazyProduct(first);
  const Matrix half = 0.5 * form.lazyProduct(relative);
  out.information = relative.transpose().lazyProduct(half);
  return out;
}

}  // namespace ranef
