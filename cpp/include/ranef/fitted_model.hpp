#pragma once
// A model at its fit: what is computed once the estimates are found.
//
// It holds the objective at the estimates, made with the options and the poll of the fit, and answers with covariances.
// With H the penalised Hessian of v (and of the fixed effects b that are found with v, the border), C the border's
// block of H^-1, V the covariance of the parameters p, and dv^/dp the movement of the mode:
//
//     Var(b)      = C + db/dp V db/dp',      Cov(b, p) = db/dp V
//     Cov(eta)    = J H^-1 J' + D V D',      D = d eta / d p, the movement of the mode included
//
// for linear predictors eta of rows J, fitted or new; a level that the data did not have adds its prior variance.

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ranef/fit.hpp"

namespace ranef {

/// One random term of new rows; basis and column as in RandomTermInput. Levels: -1 leaves the term out, -2 is new.
struct NewTerm {
  bool included = false;
  std::vector<int> levels;
  RowMatrix basis;
  std::vector<int> column;
};

/// Whether fixed effects that are found with the mode move when the covariance parameters do. Information that is
/// expected instead of observed has no such dependence: Var(b) = C, Cov(b, p) = 0.
enum class BorderMovement { with_parameters, none };

/// Where the likelihood has no value at the estimates, every answer but `curvature` throws std::domain_error.
class FittedModel {
 public:
  FittedModel(const Model& model, Layouts& layouts, const FitReport& fit, const InnerOptions& options,
              std::function<void()> poll = {});

  /// `fixed`: parameters held, or empty.
  CurvatureReport curvature(const std::vector<bool>& fixed);

  /// Per term, (levels x q x q) row by row: covariance of a level's effects given all parameters, fixed effects that
  /// REML integrates out included (lme4's condVar), for the user's columns.
  std::vector<Vector> conditional_covariance();

  /// (n x K): derivatives of the log-likelihood in the fixed part of every row's linear predictors. X_k' times column
  /// k is the score of predictor k's coefficients; rows of one independent cluster sum to that cluster's share of it.
  Matrix row_scores();

  // `covariance`: of `values`, NaN where undetermined (taken as known).

  /// Covariance of the border's coefficients (the user's columns) followed by `values`.
  Matrix parameter_covariance(const Matrix& covariance);

  /// (m x packed K): covariance of the K linear predictors of m rows. `matrices`: fixed effects in the user's columns.
  Matrix predictor_covariance(const Matrix& covariance, const std::vector<Matrix>& matrices,
                              const std::vector<NewTerm>& terms,
                              BorderMovement movement = BorderMovement::with_parameters);

 private:
  LaplaceObjective& objective();
  /// The objective, evaluated at the fit together with its gradient.
  LaplaceObjective& evaluated();
  /// The same function of the point from cross products, where the model and the digits allow; else null.
  std::unique_ptr<Objective> cheaper_objective();
  /// Covariance of `point` from that of `values`.
  Matrix point_covariance(const Matrix& covariance) const;
  /// (parameters x coordinates): movement of the mode along every parameter of `point` that is uncertain, else zero.
  Matrix mode_derivatives(const Matrix& point_covariance);
  /// Columns of H^-1 that belong to the border, as rows.
  Matrix border_columns();

  const Model* model_;
  Layouts* layouts_;
  const FitReport* fit_;
  std::function<void()> poll_;
  ParameterMap map_;
  InnerOptions options_;
  std::optional<LaplaceObjective> objective_;  ///< made when first needed
  bool evaluated_ = false;
};

}  // namespace ranef
