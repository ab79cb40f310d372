#include <Eigen/QR>
#include <algorithm>

#include "ranef/model/gaussian_products.hpp"

namespace ranef {

/// With z a column of a term in one level, q = sum over levels of (z'y)^2 / z'z has the expectation
///     E q = levels sigma^2 + sum over columns u, levels h of sigma_u^2 (z'u_h)^2 / z'z,
/// and E y'y = n sigma^2 + sum_u sigma_u^2 u'u: linear equations for the variances.
Vector moment_start(const Model& model, const std::vector<TermPair>& pairs, const CrossProducts& blocks) {
  constexpr double kSmallest = 0.05, kLargest = 3.0;  // relative standard deviations worth starting from
  const auto& terms = model.terms();
  const Index response = model.predictors()[0].columns(), border = response + 1;
  std::vector<Index> first{0};
  for (const RandomTerm& term : terms) first.push_back(first.back() + term.width);
  const Index columns = first.back();
  Matrix equations = Matrix::Zero(columns + 1, columns + 1);
  Vector squares = Vector::Zero(columns + 1);

  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Index w = terms[t].width;
    const double* a = blocks.diagonal[t].data();
    for (Index g = 0; g < terms[t].node_count(); ++g, a += w * w)
      for (Index j = 0; j < w; ++j) {
        const double own = a[j * w + j], cross = blocks.border[t][(g * w + j) * border + response];
        if (!(own > 0.0)) continue;
        squares[first[t] + j] += cross * cross / own;
        equations(first[t] + j, columns) += 1.0;
        equations(columns, first[t] + j) += own;
        for (Index k = 0; k < w; ++k) equations(first[t] + j, first[t] + k) += a[j * w + k] * a[j * w + k] / own;
      }
  }
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const TermPair& pair = pairs[p];
    const Index wa = terms[pair.first].width, wb = terms[pair.second].width;
    const double* a = blocks.pair[p].data();
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      for (Index i = 0; i < wa; ++i)
        for (Index j = 0; j < wb; ++j, ++a) {
          const double of_first = blocks.diagonal[pair.first][(pair.first_node[k] * wa + i) * wa + i];
          const double of_second = blocks.diagonal[pair.second][(pair.second_node[k] * wb + j) * wb + j];
          const Index row = first[pair.first] + i, col = first[pair.second] + j;
          if (of_first > 0.0) equations(row, col) += *a * *a / of_first;
          if (of_second > 0.0) equations(col, row) += *a * *a / of_second;
        }
  }
  squares[columns] = blocks.border_gram(response, response);
  equations(columns, columns) = model.weight_total();
  const Vector variances = equations.completeOrthogonalDecomposition().solve(squares);
  const double residual = std::max(variances[columns], 0.05 * squares[columns] / model.weight_total());

  Index size = 0;
  for (const RandomTerm& term : terms) size += term.covariance->parameter_count();
  Vector theta(size);
  Index at = 0;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Vector sds = (variances.segment(first[t], terms[t].width) / residual)
                           .cwiseMax(0.0)
                           .cwiseSqrt()
                           .cwiseMax(kSmallest)
                           .cwiseMin(kLargest);
    const Vector own = terms[t].covariance->start(sds);
    theta.segment(at, own.size()) = own;
    at += own.size();
  }
  return theta;
}

}  // namespace ranef
