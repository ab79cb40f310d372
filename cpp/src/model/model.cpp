#include "ranef/model/model.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace ranef {

namespace {

/// Removes from `column` its projection on the first `count` columns of `basis` (orthogonal, squared length n), twice:
/// once leaves rounding of the size of what was removed. Adds the coefficients to `removed`.
void orthogonal_part(const Matrix& basis, Index count, Vector& column, Vector& removed) {
  removed = Vector::Zero(count);
  for (int pass = 0; pass < 2 && count > 0; ++pass) {
    const Vector coefficient = basis.leftCols(count).transpose() * column / static_cast<double>(basis.rows());
    column.noalias() -= basis.leftCols(count) * coefficient;
    removed += coefficient;
  }
}

/// Squared length of what orthogonal columns leave of `column`: by Pythagoras, unless that cancels.
double squared_rest(const Matrix& basis, const Eigen::Ref<const Vector>& column) {
  constexpr double kCancels = 1e-6, kExact = 1e-20;  // below the latter share, what is left is rounding
  const double whole = column.squaredNorm(), n = static_cast<double>(column.size());
  const Vector products = basis.transpose() * column;
  const double left = whole - products.squaredNorm() / n;
  if (left > kCancels * whole) return left;
  Vector rest = column, removed;
  orthogonal_part(basis, basis.cols(), rest, removed);
  return rest.squaredNorm() > kExact * whole ? rest.squaredNorm() : whole;
}

/// A response's own unit, as a multiple of the one it is in, to a factor of two: a power of four, so that neither it
/// nor its root rounds. Under the identity link the fixed effects may be far larger than what they leave, which the
/// random effects and the residual are measured by.
double own_unit(const Likelihood& likelihood, const LinearPredictor& mean, const Vector& response) {
  if (!likelihood.has_unit() || response.size() == 0) return 1.0;
  double squared = 0.0;
  if (likelihood.link() != Link::identity)
    squared = response.squaredNorm();
  else if (mean.offset.size() > 0)
    squared = squared_rest(mean.matrix, response - mean.offset);
  else
    squared = squared_rest(mean.matrix, response);
  const double spread = std::sqrt(squared / static_cast<double>(response.size()));
  if (!(std::isfinite(spread) && spread > 0.0)) return 1.0;
  return std::exp2(2.0 * std::round(0.5 * std::log2(spread)));
}

/// To multiples of a unit of the predictor as it is.
void to_multiples(LinearPredictor& predictor, const PredictorUnit& unit) {
  predictor.to_user *= unit.factor;
  if (predictor.offset.size() > 0 && unit.factor != 1.0) predictor.offset /= unit.factor;
  predictor.level = (predictor.level - unit.origin) / unit.factor;
  predictor.unit = {predictor.unit.factor * unit.factor, predictor.unit.origin + predictor.unit.factor * unit.origin};
}

void centre_offset(LinearPredictor& predictor) {
  if (predictor.offset.size() == 0) return;
  const double mean = predictor.offset.mean();
  predictor.offset.array() -= mean;
  predictor.level += mean;
}

bool constant_column(const Matrix& matrix) { return matrix.cols() == 1 && (matrix.array() == matrix(0, 0)).all(); }

}  // namespace

LinearPredictor orthogonalise(PredictorInput input) {
  Matrix& matrix = input.matrix;
  const Index p = matrix.cols();
  const double n = static_cast<double>(matrix.rows());
  Matrix upper = Matrix::Zero(p, p);
  for (Index j = 0; j < p; ++j) {
    for (int pass = 0; pass < 2 && j > 0; ++pass) {  // in place: the columns may be long
      const Vector removed = matrix.leftCols(j).transpose() * matrix.col(j) / n;
      matrix.col(j).noalias() -= matrix.leftCols(j) * removed;
      upper.col(j).head(j) += removed;
    }
    upper(j, j) = matrix.col(j).norm() / std::sqrt(n);
    if (!(upper(j, j) > 0.0)) throw std::invalid_argument("a fixed-effect matrix that is not of full column rank");
    if (upper(j, j) != 1.0) matrix.col(j) /= upper(j, j);
  }
  const Matrix inverse = upper.triangularView<Eigen::Upper>().solve(Matrix::Identity(p, p));
  return {std::move(matrix), inverse, std::move(input.offset), 0.0, {}};
}

std::vector<int> independent_columns(const ConstMatrixRef& matrix, double tolerance) {
  std::vector<int> kept;
  Matrix basis(matrix.rows(), matrix.cols());
  const double root_n = std::sqrt(static_cast<double>(matrix.rows()));
  for (Index j = 0; j < matrix.cols(); ++j) {
    Vector column = matrix.col(j), removed;
    const double length = column.norm();
    const auto count = static_cast<Index>(kept.size());
    if (count == matrix.rows()) break;
    orthogonal_part(basis, count, column, removed);
    const double left = column.norm();
    if (!(left > tolerance * length)) continue;
    basis.col(count) = column * (root_n / left);
    kept.push_back(static_cast<int>(j));
  }
  return kept;
}

Model::Model(ModelInput input)
    : likelihood_(std::move(input.likelihood)), kernels_(input.kernels), reml_(input.reml), joint_(input.joint) {
  if (reml_ && joint_)
    throw std::invalid_argument("coefficients are either integrated out (REML) or found with the mode, not both");
  if (static_cast<int>(input.predictors.size()) != likelihood_->predictor_count())
    throw std::invalid_argument("the likelihood has " + std::to_string(likelihood_->predictor_count()) +
                                " linear predictors, but " + std::to_string(input.predictors.size()) + " were given");
  auto design = std::make_shared<Design>();
  const bool constant_dispersion = input.predictors.size() == 2 && constant_column(input.predictors[1].matrix);
  bool mean_only = true;
  for (std::size_t t = 0; t < input.terms.size(); ++t) {
    mean_only = mean_only && input.terms[t].predictor == 0;
    design->terms.push_back(
        make_random_term(std::move(input.terms[t]), !input.keep_basis.empty() && input.keep_basis[t]));
  }
  profiled_ = likelihood_->is_least_squares() && constant_dispersion && mean_only && !joint_;
  for (PredictorInput& predictor : input.predictors) design->predictors.push_back(orthogonalise(std::move(predictor)));
  if (profiled_) centre_offset(design->predictors[1]);
  design->trials = std::move(input.trials);
  design->weights = std::move(input.weights);
  if (const double unit = own_unit(*likelihood_, design->predictors[0], input.response); unit != 1.0) {
    design->change_unit(*likelihood_, unit);
    input.response /= unit;
  }
  design_ = std::move(design);
  set_response(std::move(input.response));
}

void Model::Design::change_unit(const Likelihood& likelihood, double ratio) {
  const auto units = likelihood.predictor_units(ratio);
  for (std::size_t k = 0; k < predictors.size(); ++k) to_multiples(predictors[k], units[k]);
  for (RandomTerm& term : terms) term.to_user *= units[term.predictor].factor;
  unit *= ratio;
}

Model Model::with_response(Vector response) const {
  if (response.size() != rows())
    throw std::invalid_argument("the response has length " + std::to_string(response.size()) + ", the model " +
                                std::to_string(rows()) + " rows");
  Model copy(*this);
  response /= unit();
  if (const double ratio = own_unit(*likelihood_, predictors()[0], response); ratio != 1.0) {
    auto design = std::make_shared<Design>(*design_);
    design->change_unit(*likelihood_, ratio);
    copy.design_ = std::move(design);
    response /= ratio;
  }
  copy.set_response(std::move(response));
  return copy;
}

Model Model::with_leading_effects(std::size_t term, const std::vector<int>& order) const {
  Model copy(*this);
  auto design = std::make_shared<Design>(*design_);
  design->terms[term] = with_effect_order(design->terms[term], order);
  copy.design_ = std::move(design);
  return copy;
}

void Model::set_response(Vector response) {
  response_ = std::move(response);
  const Vector& counts = design_->trials.size() > 0 ? design_->trials : response_;
  largest_count_ = counts.size() > 0 ? counts.maxCoeff() : 0.0;
  constant_ = 0.0;
  if (likelihood_->prepared_columns() > 1) prepared_.resize(rows(), likelihood_->prepared_columns());
  // The constant is wanted as a sum alone: without further columns nothing is kept.
  constexpr Index kRows = 4096;
  Matrix scratch(kRows, likelihood_->prepared_columns());
  for (Index begin = 0; begin < rows(); begin += kRows) {
    const Index end = std::min(begin + kRows, rows()), count = end - begin;
    likelihood_->prepare(block(begin, end), scratch.data(), kRows);
    const auto constants = scratch.col(0).head(count);
    constant_ += weights().size() > 0 ? constants.dot(weights().segment(begin, count)) : constants.sum();
    if (prepared_.size() > 0) prepared_.middleRows(begin, count) = scratch.topRows(count);
  }
}

Active Model::active() const {
  for (const RandomTerm& term : terms())
    if (term.predictor != 0) return Active::all;
  return Active::mean_only;
}

double Model::weight_total() const { return weights().size() > 0 ? weights().sum() : static_cast<double>(rows()); }

RowBlock Model::block(Index begin, Index end) const {
  RowBlock block;
  block.size = end - begin;
  block.response = response_.data() + begin;
  block.trials = design_->trials.size() > 0 ? design_->trials.data() + begin : nullptr;
  block.weights = weights().size() > 0 ? weights().data() + begin : nullptr;
  block.prepared = prepared_.size() > 0 ? prepared_.data() + begin : nullptr;
  block.prepared_stride = rows();
  block.largest_count = largest_count_;
  block.unit = unit();
  return block;
}

}  // namespace ranef
