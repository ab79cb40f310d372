#pragma once
// The Laplace approximation of the marginal likelihood and its exact gradient.
//
//     g(v)  = sum_i nll_i + 1/2 v'Qv,          H = S'Z'WZS + Q at the mode of g
//     L     = g(v^) + 1/2 log|H| - 1/2 log|Q|
//
// Free parameters: the fixed effects of every linear predictor (of the model's orthogonal columns), then theta. Under
// REML the mean's fixed effects join v as border coordinates with a flat prior, and leave the free parameters. A joint
// model's (lme4's nAGQ = 0; Breslow and Clayton 1993's penalised quasi-likelihood is its ancestor) do the same, but H
// in the determinant stays that of the random effects: fixed effects are maximised over, not integrated out.
//
// The gradient needs one pass over the rows for third derivatives, one solve and the selected inverse:
//
//     h_i  = J_i H^-1 J_i'            a    = H^-1 J't       r_i = l'_i + t_i - W_i (J a)_i
//     t_ik = 1/2 sum_ab T_iabk h_iab  dL/dbeta_k = X_k' r_k  dL/dS = Z'r v' - Z'l' a' + Z'WJ H^-1

#include <functional>
#include <memory>

#include "ranef/model/model.hpp"
#include "ranef/objective/objective.hpp"
#include "ranef/objective/scaled_system.hpp"

namespace ranef {

struct InnerOptions {
  int max_iterations = 100;
  /// A mode is reached when a Newton step would lower g by less than this (log-likelihood units). The step is then
  /// taken, but log|H| stays that of the point before it: an error of order sqrt(tolerance), reported as `noise`.
  double tolerance = 1e-12;
  /// The same where a value is an answer and not a step of a search.
  double precise_tolerance = 1e-20;
};

class LaplaceObjective final : public Objective {
 public:
  /// `layout` has a border of p under REML, else of zero.
  LaplaceObjective(const Model& model, std::shared_ptr<const CrossProductLayout> layout, InnerOptions options,
                   std::function<void()> poll = {});

  Index size() const override { return theta_first_ + system_.theta_size(); }
  double value(const Vector& point) override { return value_at(point, options_.tolerance); }
  double precise_value(const Vector& point) override { return value_at(point, options_.precise_tolerance); }
  double noise() const override { return adjoint_norm_ * last_step_norm_; }
  Vector gradient() override;
  Matrix approximate_hessian() override;
  std::string failure() const override { return failure_; }

  /// Where the coefficients of predictor k and the covariance parameters start in a point; -1: integrated out.
  Index coefficient_offset(std::size_t predictor) const { return coefficient_offset_[predictor]; }
  Index theta_offset() const { return theta_first_; }

  // At the last point with a value.
  const Vector& mode() const { return mode_; }  ///< v, then border coefficients, in H's coordinates
  TermVectors effects() const;
  Vector border_coefficients() const;
  const ScaledSystem& system() const { return system_; }
  ScaledSystem& system() { return system_; }
  /// r of the last gradient (n x K): derivatives of L in the linear predictors' fixed parts, row by row.
  const Matrix& row_score() const { return row_score_; }
  /// The border's block of H^-1: covariance of the fixed effects in the mode, given theta.
  Matrix border_covariance();
  const CrossProducts& products() const { return products_; }
  const CrossProductLayout& layout() const { return *layout_; }
  int inner_iterations() const { return inner_iterations_; }
  /// By term, node after node: standardised skewness of every spherical effect's posterior, to first order,
  /// sum_i J_ij^3 T_i (H^-1_jj)^(3/2) (after `gradient`). Half of it is how many standard deviations the mean lies
  /// beside the mode; a Gaussian has none.
  TermVectors skewness() const;
  /// Forgets the last mode: the next search starts without random effects, at a constant mean.
  void reset_mode();
  /// Whether g has one mode at most, the same from wherever it is looked for: a log-concave likelihood of the mean.
  bool has_one_mode() const { return one_mode_; }
  /// From here on every mode is looked for from where `reset_mode` starts, whatever came before: where g has several,
  /// the value is then a function of the point.
  void forget_modes() {
    forgetful_ = true;
    reset_mode();
  }
  /// d v^ / d parameter directions: solves H dv = -d2g/dv dpar for one direction (needs `gradient` before).
  Vector mode_derivative(const Vector& direction);

 private:
  void set_fixed_part(const Vector& point);
  /// Where the mode is expected at `point`, from the last point with a gradient.
  Vector predicted_mode(const Vector& point);
  double value_at(const Vector& point, double tolerance);
  bool find_mode(double tolerance);
  /// Calls visit(begin, count) with the predictors, gradients and Hessians at v of these rows in the scratch arrays.
  template <class Visit>
  void for_each_block(const Vector& v, Visit visit);
  /// Of H at v, whose cross products are at hand; from the rows where those have lost the coefficients' digits.
  bool factor(const Vector& v);
  bool border_has_few_digits() const;
  /// What a Newton step at v promises of rounding alone.
  double rounding_gain(const Vector& v);
  /// The mode is a Newton step beyond v, if H is that of a maximum.
  bool end_at(const Vector& v, const Vector& step, double current, double decrement, bool exact);
  /// Whether a discrete response has this negative log-likelihood: none is more probable than one.
  bool is_possible(double value) const;
  double penalised(const Vector& v, Vector& gradient, bool positive_weights);
  void spread(const Vector& v);
  void predictor_block(Index begin, Index end, Matrix& eta) const;
  void accumulate_rows(Index begin, Index end);
  void sweep_third_order();
  /// Hessian of every row in all K predictors, packed.
  Matrix full_row_hessian();
  /// J'r for rows (n x K), in H's coordinates, and J x (n x active predictors).
  /// Z' of these rows, by term.
  TermVectors sums_by_effect(const Matrix& rows) const;
  Vector transpose_product(const Matrix& rows);
  Vector transpose_product(const Matrix& rows, const TermVectors& sums) const;
  Matrix product(const Vector& coordinates) const;

  const Model* model_;
  std::shared_ptr<const CrossProductLayout> layout_;
  InnerOptions options_;
  std::function<void()> poll_;
  Active active_;
  int active_count_;
  bool one_mode_;
  bool forgetful_ = false;
  bool never_positive_;  ///< a log-likelihood of probabilities, nothing integrated out over a flat prior
  int border_;
  int determinant_border_;  ///< border coordinates that are integrated out
  std::vector<Index> coefficient_offset_;
  Index theta_first_ = 0;

  CrossProducts products_;   // A at the current v
  CrossProducts posterior_;  // S H^-1 S' on the same blocks
  ScaledSystem system_;
  Matrix fixed_part_;      // n x K: offset + X beta of what is not integrated
  RowMatrix border_rows_;  // n x border, row by row
  Vector start_mode_;      // where the first search for a mode starts: no random effects, a constant mean
  Vector point_, mode_;
  TermVectors effects_, effect_gradient_;
  Vector border_gradient_;
  double at_mode_ = 0.0;
  double last_step_norm_ = 0.0;  // of the step that ended the last search, in the metric of H
  double adjoint_norm_ = 0.0;    // of d(1/2 log|H|)/dv, in that metric
  Vector determinant_score_;     // d(1/2 log|H|)/dv at the last gradient

  /// The last point with a gradient, its mode, and how the mode moves along the direction tried from there.
  struct Departure {
    Vector point, mode, direction, movement;
    bool factor_current = false;  ///< the factor and the row derivatives are still those of `point`
  };
  Departure departure_;
  int inner_iterations_ = 0;
  std::string failure_;

  // Rows, from the third-order sweep at the mode.
  Matrix row_gradient_, row_hessian_, row_contraction_, row_score_;
  Matrix scratch_eta_, scratch_gradient_, scratch_hessian_;
};

}  // namespace ranef
