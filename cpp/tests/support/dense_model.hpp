#pragma once
// Models written out as dense matrices, for comparison: design, prior
// covariance and marginal covariance of the terms.

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <vector>

#include "ranef/model/random_term.hpp"

namespace ranef::test {

/// Z of one term in the model's own columns, (rows x nodes * width).
inline Matrix dense_design(const RandomTerm& term) {
  const Index rows = Index(term.node.size()), w = term.width;
  Matrix z = Matrix::Zero(rows, term.node_count() * w);
  for (Index i = 0; i < rows; ++i) {
    const Index first = term.node[std::size_t(i)] * w;
    if (term.kind == BasisKind::intercept) z(i, first) = 1.0;
    if (term.kind == BasisKind::indicator) z(i, first + term.column[std::size_t(i)]) = 1.0;
    if (term.kind == BasisKind::dense) z.row(i).segment(first, w) = term.basis.row(i);
  }
  return z;
}

/// Q of one level: identity, or the precision of a series.
inline Matrix dense_precision(const Covariance& covariance, const Vector& theta) {
  if (covariance.series() == 1) return Matrix::Identity(covariance.width(), covariance.width());
  Matrix q = Matrix::Zero(covariance.series(), covariance.series());
  const Vector values = covariance.precision_values(theta);
  for (const PrecisionEntry& e : covariance.precision_entries()) q(e.row, e.col) = q(e.col, e.row) = values[e.value];
  return q;
}

/// Var(b) of one level in the model's own columns: S Q^-1 S'.
inline Matrix dense_prior(const Covariance& covariance, const Vector& theta) {
  const Matrix q_inverse = dense_precision(covariance, theta).inverse();
  const Matrix s = covariance.scale(theta);
  if (covariance.series() > 1) return s(0, 0) * s(0, 0) * q_inverse;
  return s * q_inverse * s.transpose();
}

/// Z Var(b) Z' of all terms, theta one after the other.
inline Matrix dense_marginal(const std::vector<RandomTerm>& terms, const Vector& theta) {
  const Index rows = Index(terms.at(0).node.size());
  Matrix out = Matrix::Zero(rows, rows);
  Index at = 0;
  for (const RandomTerm& term : terms) {
    const Matrix prior = dense_prior(*term.covariance, theta.segment(at, term.covariance->parameter_count()));
    const Matrix z = dense_design(term);
    for (Index level = 0; level < term.level_count; ++level) {
      const Matrix own = z.middleCols(level * prior.rows(), prior.rows());
      out += own * prior * own.transpose();
    }
    at += term.covariance->parameter_count();
  }
  return out;
}

inline double log_determinant(const Matrix& positive) {
  const Matrix factor = positive.llt().matrixL();
  return 2.0 * factor.diagonal().array().log().sum();
}

/// Generalised least squares: what ML and REML of a Gaussian model with
/// covariance V are made of.
struct GeneralisedLeastSquares {
  Vector coefficients;
  double residual_squares = 0.0;  ///< r' V^-1 r
  double log_covariance = 0.0;    ///< log det V
  double log_information = 0.0;   ///< log det X' V^-1 X

  GeneralisedLeastSquares(const Matrix& x, const Vector& y, const Matrix& v) {
    const Eigen::LLT<Matrix> factor(v);
    const Matrix information = x.transpose() * factor.solve(x);
    coefficients = information.llt().solve(x.transpose() * factor.solve(y));
    const Vector residual = y - x * coefficients;
    residual_squares = residual.dot(factor.solve(residual));
    log_covariance = log_determinant(v);
    log_information = log_determinant(information);
  }
};

}  // namespace ranef::test
