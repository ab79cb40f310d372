#include "ranef/model/fixed_effects_start.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

constexpr int kMaxIterations = 25;
constexpr int kMaxHalvings = 20;
/// A start need not be exact.
constexpr double kGainTolerance = 1e-4;
/// Pull of the dispersion's and zero inflation's coefficients towards their constant start, in rows' worth of
/// information: enough to keep those that the data alone would send to infinity within reach of the fit.
constexpr double kPull = 1.0;

struct Expansion {
  double value;
  Vector gradient;
  Matrix hessian;
  Vector scale;
};

struct Stacked {
  std::vector<Index> offset{0};

  explicit Stacked(const Model& model) {
    for (const LinearPredictor& p : model.predictors()) offset.push_back(offset.back() + p.columns());
  }
};

Expansion expand(const Model& model, const Stacked& stacked, const Vector& beta, const Vector& centre) {
  const auto& predictors = model.predictors();
  const auto count = static_cast<int>(predictors.size());
  const Index n = model.rows();
  Matrix eta(n, count), gradient(n, count), hessian(n, packed_size(count));
  for (int k = 0; k < count; ++k) {
    predictors[k].set_fixed_part(eta.col(k));
    eta.col(k).noalias() += predictors[k].matrix * beta.segment(stacked.offset[k], predictors[k].columns());
  }
  RowBlock block = model.block(0, n);
  for (int k = 0; k < count; ++k) block.eta[k] = eta.col(k).data();
  Expansion out;
  out.value = model.likelihood().second_order(block, Active::all, gradient.data(), hessian.data(), n);
  out.gradient.resize(beta.size());
  out.hessian.resize(beta.size(), beta.size());
  out.scale.resize(count);
  for (int k = 0; k < count; ++k) {
    const Matrix& x = predictors[k].matrix;
    out.scale[k] = std::sqrt(gradient.col(k).squaredNorm() / static_cast<double>(n)) /
                   std::abs(hessian.col(packed_index(k, k)).mean());
    out.gradient.segment(stacked.offset[k], x.cols()) = x.transpose() * gradient.col(k);
    for (int l = 0; l <= k; ++l) {
      const Matrix block_kl = x.transpose() * (hessian.col(packed_index(k, l)).asDiagonal() * predictors[l].matrix);
      out.hessian.block(stacked.offset[k], stacked.offset[l], x.cols(), block_kl.cols()) = block_kl;
      out.hessian.block(stacked.offset[l], stacked.offset[k], block_kl.cols(), x.cols()) = block_kl.transpose();
    }
  }
  for (Index j = stacked.offset[1]; j < beta.size(); ++j) {
    out.value += 0.5 * kPull * (beta[j] - centre[j]) * (beta[j] - centre[j]);
    out.gradient[j] += kPull * (beta[j] - centre[j]);
    out.hessian(j, j) += kPull;
  }
  return out;
}

/// -H^-1 g with the eigenvalues of H made positive.
Vector newton_step(const Expansion& at) {
  const Eigen::LLT<Matrix> factor(at.hessian);
  if (factor.info() == Eigen::Success) return -factor.solve(at.gradient);
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(at.hessian);
  const double floor = 1e-6 * std::max(1.0, eigen.eigenvalues().cwiseAbs().maxCoeff());
  const Vector positive = eigen.eigenvalues().cwiseAbs().cwiseMax(floor);
  return -eigen.eigenvectors() * (eigen.eigenvectors().transpose() * at.gradient).cwiseQuotient(positive);
}

}  // namespace

Vector constant_predictors(const Model& model) {
  const Stacked stacked(model);
  const auto eta = model.likelihood().start_predictors(model.block(0, model.rows()));
  Vector beta(stacked.offset.back());
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const LinearPredictor& predictor = model.predictors()[k];
    Vector fixed(model.rows());
    predictor.set_fixed_part(fixed);
    const Vector target = eta[k] - fixed.array();
    beta.segment(stacked.offset[k], predictor.columns()) =
        predictor.matrix.transpose() * target / static_cast<double>(model.rows());
  }
  return beta;
}

FixedEffectsStart fit_fixed_effects(const Model& model) {
  const Stacked stacked(model);
  const Vector centre = constant_predictors(model);
  Vector beta = centre;
  Expansion at = expand(model, stacked, beta, centre);
  for (int iteration = 0; iteration < kMaxIterations && std::isfinite(at.value); ++iteration) {
    const Vector step = newton_step(at);
    const double gain = -0.5 * step.dot(at.gradient);
    if (!(gain > kGainTolerance)) break;
    double length = 1.0;
    Expansion trial;
    int halvings = 0;
    for (; halvings < kMaxHalvings; ++halvings, length *= 0.5) {
      trial = expand(model, stacked, beta + length * step, centre);
      if (std::isfinite(trial.value) && trial.value <= at.value - 1e-4 * length * gain) break;
    }
    if (halvings == kMaxHalvings) break;
    beta += length * step;
    at = std::move(trial);
  }
  FixedEffectsStart out;
  for (std::size_t k = 0; k < model.predictors().size(); ++k)
    out.coefficients.push_back(beta.segment(stacked.offset[k], model.predictors()[k].columns()));
  out.scale = at.scale;
  return out;
}

}  // namespace ranef
