#pragma once
// The likelihood of a block of rows, with the family, its link and its wrappers erased.
//
// Everything outside family/ sees a model's likelihood through this class alone: one virtual call
// evaluates a block of rows, and the loop over the rows behind it is inlined for each family.
//
// The K linear predictors of a row stand in this order: mean (`cond`), dispersion (families that have one),
// zero inflation (last, where asked for). Observation i contributes w_i * nll(y_i; eta_i1 .. eta_iK), split as
//
//     nll(y; eta) = constant(y) + kernel(y; eta)
//
// The constant depends on the data alone (log y!, log of a binomial coefficient) and is computed once, by
// `prepare`; every other function returns the kernel and its derivatives, multiplied by the row's weight.

#include <array>
#include <limits>
#include <memory>

#include "ranef/link/link.hpp"
#include "ranef/random/generator.hpp"
#include "ranef/types.hpp"

namespace ranef {

/// Consecutive rows as arrays of length `size`.
struct RowBlock {
  Index size = 0;
  const double* response = nullptr;
  const double* trials = nullptr;    ///< number of trials; null where the family has none
  const double* weights = nullptr;   ///< multiplier of each row's log-likelihood; null: all one
  const double* prepared = nullptr;  ///< column c of `prepare` at prepared + c * prepared_stride
  Index prepared_stride = 0;
  double largest_count = std::numeric_limits<double>::infinity();  ///< bound on the response, or on its trials
  double unit = 1.0;  ///< what the response is in multiples of: a density is that of unit * response
  std::array<const double*, kMaxPredictors> eta{};
};

/// Which predictors an evaluation differentiates: the mean's alone, or all K.
/// Random effects in the mean only is the common case, and an inner Newton pass then needs nothing else.
enum class Active { mean_only, all };

class Likelihood {
 public:
  virtual ~Likelihood() = default;

  virtual int predictor_count() const = 0;

  /// Columns that `prepare` fills: the constant first, then what the family wants kept (log y, ...).
  virtual int prepared_columns() const = 0;

  /// Fills out[c * stride + i] for the block's rows from its response and trials.
  virtual void prepare(const RowBlock& block, double* out, Index stride) const = 0;

  /// The kernel's sum over the block, weights included.
  virtual double value(const RowBlock& block) const = 0;

  /// The kernel's sum, with gradient and Hessian in the active predictors.
  /// gradient[a * stride + i], hessian[packed_index(a, b) * stride + i]; a, b run over the active predictors
  /// (mean_only: one gradient and one Hessian column).
  virtual double second_order(const RowBlock& block, Active active, double* gradient, double* hessian,
                              Index stride) const = 0;

  /// What the gradient of the Laplace approximation needs, for all K predictors. `variance` holds each row's
  /// h = J H^-1 J' in the active predictors, packed as a Hessian. Fills
  ///   gradient[k * stride + i]                      l'_k
  ///   hessian[packed_index(a, b) * stride + i]      W_ab (mean_only: only the entries with b = 0)
  ///   contraction[k * stride + i]                   1/2 sum_ab h_ab d3 l / d eta_a d eta_b d eta_k
  virtual void third_order(const RowBlock& block, Active active, const double* variance, double* gradient,
                           double* hessian, double* contraction, Index stride) const = 0;

  /// Gaussian with identity link and no wrapper: sums of squares are all that matters.
  virtual bool is_least_squares() const = 0;

  /// Probabilities, not densities: the log-likelihood is never positive.
  virtual bool is_discrete() const = 0;

  /// Log-concave in the mean's predictor, the others held.
  virtual bool is_log_concave() const = 0;

  /// Whether the response can be measured in any unit.
  virtual bool has_unit() const = 0;
  /// Every predictor where the response is held in multiples of `unit`.
  virtual std::array<PredictorUnit, kMaxPredictors> predictor_units(double unit) const = 0;
  virtual Link link() const = 0;

  /// Constant linear predictors to start a fit from, given the whole response.
  virtual std::array<double, kMaxPredictors> start_predictors(const RowBlock& block) const = 0;

  /// Mean and variance of the response itself (zero inflation, truncation and trials included: counts for a
  /// binomial with trials are successes).
  virtual void moments(const RowBlock& block, double* mean, double* variance) const = 0;

  /// d mean / d eta_k at gradient[k * stride + i] beside the mean (delta-method standard errors).
  virtual void mean_gradient(const RowBlock& block, double* mean, double* gradient, Index stride) const = 0;

  /// Unit deviances 2 (l_saturated - l), times the weight; NaN for families with no saturated likelihood.
  virtual void deviance(const RowBlock& block, double* out) const = 0;

  /// Draws of the response, row after row: draw d of row i at response[i * draws + d]. A row's mean is computed once.
  virtual void draw(const RowBlock& block, Rng& rng, Index draws, double* response) const = 0;

  /// One draw of the response for each row.
  void simulate(const RowBlock& block, Rng& rng, double* response) const { draw(block, rng, 1, response); }
};

/// Places in the tables of family/registry.hpp, and the wrappers around the family.
struct FamilySpec {
  int family = 0;
  int link = 0;
  bool truncated = false;
  bool zero_inflated = false;
};

std::unique_ptr<const Likelihood> make_likelihood(const FamilySpec& spec);

}  // namespace ranef
