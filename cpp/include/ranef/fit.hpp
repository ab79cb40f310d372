#pragma once
// The verbs: fit a model, evaluate its likelihood.

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "ranef/model/parameters.hpp"
#include "ranef/objective/laplace.hpp"
#include "ranef/optimize/boundary.hpp"

namespace ranef {

struct FitOptions {
  OptimizerOptions optimizer;
  InnerOptions inner;
};

/// Blocks and elimination pattern of a model, computed on first use and shared by its refits.
class Layouts {
 public:
  std::shared_ptr<const CrossProductLayout> profiled(const Model& model);
  std::shared_ptr<const CrossProductLayout> laplace(const Model& model);

 private:
  std::mutex mutex_;  // a model may be fitted in several threads at once
  std::shared_ptr<const CrossProductLayout> profiled_, laplace_;
};

/// One look for a better optimum: what was moved, and what a search from there gained.
struct Look {
  enum class Kind { zero, raised, correlation, shift, scattered } kind;
  std::vector<Index> moved;  ///< parameters
  double gained = 0.0;       ///< log-likelihood; zero if nothing
};

/// Second derivatives of the negative log-likelihood at a fit.
struct CurvatureReport {
  Matrix hessian;       ///< in the free directions of the point
  Matrix covariance;    ///< of `values`; NaN for what is undetermined
  Vector eigenvalues;   ///< of the Hessian in ordinary units, where an ordinary curvature is one
  Matrix eigenvectors;  ///< columns of length one, over all parameters of `values`, each in its unit
  Vector units;         ///< of `values`
  std::vector<Index> undetermined;
};

struct FitReport {
  Vector point;   ///< parameters as objectives see them
  Vector values;  ///< and as the user does
  double loglik = 0.0;
  std::vector<Vector> coefficients;  ///< of every linear predictor, for the user's columns
  Matrix coefficient_covariance;     ///< of all of them, one after the other
  TermVectors effects;               ///< conditional modes, for the user's columns
  Termination termination = Termination::no_start;
  std::string failure;
  Vector gradient;           ///< in the free directions
  double expected_gain = 0;  ///< log-likelihood that a further Newton step would gain
  bool curvature_positive = true;
  double residual_error = 0;  ///< of a Gaussian model's residual variance, for rounding, relative to itself
  /// That variance is so small a share of the response's that differences of the likelihood have no digits.
  bool tiny_residual = false;

  std::optional<CurvatureReport> certificate;  ///< the curvature that the search was certified by
  Vector search_point;                         ///< without one: where the search ended, in its coordinates,
  Matrix search_information;                   ///< and the approximate information there
  int iterations = 0, evaluations = 0, inner_iterations = 0;
  std::vector<Index> at_zero;    ///< parameters (of `values`) that are zero or undetermined because a variance is
  std::vector<Index> at_limit;   ///< correlations that have reached the end of their range
  std::vector<Index> deficient;  ///< terms whose covariance has not full rank
  std::vector<Look> looks;       ///< in the order in which they were taken
};

struct FitRequest {
  FitOptions options;
  Vector start;             ///< values, or empty
  std::vector<bool> fixed;  ///< parameters held at their start, or empty
  Progress progress;
  std::function<void()> poll;  ///< called often; may throw to stop
};

FitReport fit(const Model& model, Layouts& layouts, const FitRequest& request);

/// Whether, by the information at the end of a search without a certificate, a direction is all but undetermined: in
/// the scales' own size (no more than an ordinary one) its curvature is below a share of an ordinary direction's.
bool is_doubtful(const FitReport& fit);

/// n x K: offset + X beta + Z b of every predictor, for the rows of the model, at a fit.
Matrix linear_predictors(const Model& model, const FitReport& fit);

/// Values to start from: fixed effects fitted without random effects, ordinary standard deviations.
Vector starting_values(const Model& model, Layouts& layouts);

/// Log-likelihood (REML criterion) at `values`, and its gradient in them. `poll` is called often; may throw to stop.
double log_likelihood(const Model& model, Layouts& layouts, const Vector& values, const InnerOptions& options = {},
                      const std::function<void()>& poll = {});
Vector log_likelihood_gradient(const Model& model, Layouts& layouts, const Vector& values,
                               const InnerOptions& options = {}, const std::function<void()>& poll = {});

}  // namespace ranef
