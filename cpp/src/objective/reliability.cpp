#include "ranef/objective/reliability.hpp"

#include <Eigen/LU>
#include <cmath>

namespace ranef {

namespace {

/// sum over nodes of tr(K F K G), all symmetric.
double trace_product(const Matrix& second, const Matrix& f, const Matrix& g) {
  const Index w = f.rows();
  double sum = 0.0;
  for (Index a = 0; a < w; ++a)
    for (Index b = 0; b < w; ++b)
      for (Index c = 0; c < w; ++c)
        for (Index d = 0; d < w; ++d) sum += second(a * w + b, c * w + d) * f(b, c) * g(d, a);
  return sum;
}

}  // namespace

TermInformation term_information(const Covariance& covariance, const Vector& theta, const Matrix& scale,
                                 const ReliabilityMoments& k) {
  Matrix regular = scale;
  for (Index j = 0; j < scale.rows(); ++j)
    if (std::abs(regular(j, j)) < kLeastInformation) regular(j, j) = kLeastInformation;
  const Matrix inverse = regular.inverse();
  std::vector<Matrix> relative;
  for (Index p = 0; p < theta.size(); ++p) {
    const Matrix e = inverse * covariance.scale_derivative(theta, static_cast<int>(p));
    relative.push_back(e + e.transpose());
  }
  TermInformation out{Matrix(theta.size(), theta.size()), Vector(theta.size())};
  for (Index p = 0; p < theta.size(); ++p) {
    out.slope[p] = 0.5 * k.first.cwiseProduct(relative[p]).sum();
    for (Index q = 0; q <= p; ++q)
      out.information(p, q) = out.information(q, p) = 0.5 * trace_product(k.second, relative[p], relative[q]);
  }
  return out;
}

}  // namespace ranef
