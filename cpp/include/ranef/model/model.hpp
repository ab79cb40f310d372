#pragma once
// Data + likelihood + random terms: what an objective is computed from. Immutable once built.
//
// Nothing that is computed from a model sees the user's units, so that every tolerance is relative to what it measures:
//
//   columns    of every fixed-effect matrix are replaced by an orthogonal basis of the same space, with mean square one
//              (X = X~ R, beta = R^-1 beta~): cross products do not cancel, and one unit of any coefficient means the
//              same; those of random terms are scaled alike (random_term.hpp);
//   response   with a scale of its own (gaussian, gamma) is held in multiples of its spread, y = unit * y'. The mean's
//              predictor is then factor * eta' + origin (identity: the unit, 0; inverse: 1 / unit, 0; sqrt: its root,
//              0; log: 1, log unit) and log sigma of a gaussian is log unit above that of y';
//   precision  offsets of a constant log residual sd are held about their mean.
//
// `to_user` of predictors and terms maps back. A response's unit is a power of four.

#include <memory>
#include <vector>

#include "ranef/family/likelihood.hpp"
#include "ranef/linalg/dense_kernels.hpp"
#include "ranef/model/random_term.hpp"
#include "ranef/types.hpp"

namespace ranef {

struct PredictorInput {
  Matrix matrix;  ///< n x p, full column rank
  Vector offset;  ///< n, or empty
};

struct LinearPredictor {
  Matrix matrix;       ///< n x p, orthogonal columns of mean square one
  Matrix to_user;      ///< beta of the user's columns = to_user * ours
  Vector offset;       ///< n, or empty: zero
  double level = 0.0;  ///< of all rows, beside the offset
  PredictorUnit unit;  ///< the user's predictor from ours

  Index columns() const { return matrix.cols(); }
  /// What no coefficient moves: offset + level of the rows of `out`.
  void set_fixed_part(Eigen::Ref<Vector> out) const {
    if (offset.size() > 0)
      out = offset.array() + level;
    else
      out.setConstant(level);
  }
  /// log |det to_user|: the change of variables from our columns to the user's.
  double log_volume() const { return to_user.diagonal().cwiseAbs().array().log().sum(); }
};

struct ModelInput {
  std::shared_ptr<const Likelihood> likelihood;
  Vector response;
  Vector trials;   ///< n, or empty
  Vector weights;  ///< multipliers of the log-likelihood: n, or empty
  std::vector<PredictorInput> predictors;
  std::vector<RandomTermInput> terms;
  std::vector<bool> keep_basis;  ///< per term: leave the user's columns as they are; empty: none
  bool reml = false;
  bool joint = false;  ///< the mean's coefficients are found with the mode (lme4's nAGQ = 0); not with `reml`
  DenseKernels kernels;
};

class Model {
 public:
  explicit Model(ModelInput input);

  /// The same model with another response of the same length; the design is shared where their units are the same.
  Model with_response(Vector response) const;

  /// The same model with the effects of one unstructured term in another order: the covariance's Cholesky factor then
  /// begins with those effects.
  Model with_leading_effects(std::size_t term, const std::vector<int>& order) const;

  Index rows() const { return response_.size(); }
  bool reml() const { return reml_; }
  bool joint() const { return joint_; }
  /// The mean's coefficients are coordinates of the mode, not free parameters.
  bool mean_in_mode() const { return reml_ || joint_; }
  const Likelihood& likelihood() const { return *likelihood_; }
  const DenseKernels& kernels() const { return kernels_; }
  const std::vector<LinearPredictor>& predictors() const { return design_->predictors; }
  const std::vector<RandomTerm>& terms() const { return design_->terms; }
  /// In multiples of `unit`.
  const Vector& response() const { return response_; }
  double unit() const { return design_->unit; }
  const Vector& weights() const { return design_->weights; }

  /// All random effects in the mean's predictor: passes need its derivatives alone.
  Active active() const;
  /// Sum of the weights.
  double weight_total() const;
  /// Part of the negative log-likelihood that depends on the data alone.
  double constant() const { return constant_; }
  /// Gaussian, identity link, constant dispersion, random effects in the mean: the profiled objective applies.
  bool profiled() const { return profiled_; }

  /// Rows begin..end, eta left to the caller.
  RowBlock block(Index begin, Index end) const;

 private:
  struct Design {
    std::vector<LinearPredictor> predictors;
    std::vector<RandomTerm> terms;
    Vector trials, weights;
    double unit = 1.0;

    /// To multiples of `ratio` times the unit so far.
    void change_unit(const Likelihood& likelihood, double ratio);
  };

  void set_response(Vector response);

  std::shared_ptr<const Likelihood> likelihood_;
  std::shared_ptr<const Design> design_;
  DenseKernels kernels_;
  Vector response_;
  double largest_count_ = 0.0;
  Matrix prepared_;
  double constant_ = 0.0;
  bool reml_ = false;
  bool joint_ = false;
  bool profiled_ = false;
};

/// X = X~ R with X~'X~ = n I, by Gram-Schmidt done twice.
LinearPredictor orthogonalise(PredictorInput input);

/// Columns that a left-to-right rank-revealing decomposition keeps: a column is dropped when what the columns before
/// it leave of it is less than `tolerance` of its length (the rule of R's lm).
std::vector<int> independent_columns(const ConstMatrixRef& matrix, double tolerance);

}  // namespace ranef
