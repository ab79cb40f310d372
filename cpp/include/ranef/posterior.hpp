#pragma once
// The random effects given the data: their covariance given the parameters, and what the uncertainty of everything
// means for the linear predictors of new rows.
//
// With J the new rows in the coordinates of v (and, under REML, of the integrated fixed effects), D = d eta / d
// parameters including the movement of the mode, and V the covariance of the parameters,
//
//     Cov(eta) = J H^-1 J' + D V D',
//
// and a level that the data did not have adds its prior variance.

#include <vector>

#include "ranef/fit.hpp"

namespace ranef {

/// Per term, (levels x q x q) row by row: covariance of a level's effects given all parameters, fixed effects that REML
/// integrates out included (lme4's condVar), for the user's columns.
std::vector<Vector> conditional_covariance(const Model& model, Layouts& layouts, const FitReport& fit);

/// (n x K): derivatives of the log-likelihood in the fixed part of every row's linear predictors. X_k' times column k
/// is the score of predictor k's coefficients, and rows of one independent cluster sum to that cluster's share of it.
Matrix row_scores(const Model& model, Layouts& layouts, const FitReport& fit);

/// One random term of new rows; basis and column as in RandomTermInput. Levels: -1 leaves the term out, -2 is new.
struct NewTerm {
  bool included = false;
  std::vector<int> levels;
  RowMatrix basis;
  std::vector<int> column;
};

/// (m x packed K): covariance of the K linear predictors of m new rows. `matrices`: fixed effects in the user's
/// columns; `covariance`: of `values`, NaN where undetermined (taken as known).
Matrix predictor_covariance(const Model& model, Layouts& layouts, const FitReport& fit, const Matrix& covariance,
                            const std::vector<Matrix>& matrices, const std::vector<NewTerm>& terms);

}  // namespace ranef
