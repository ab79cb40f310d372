#include "ranef/optimize/quasi_newton.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>

#include "line_search.hpp"
#include "ranef/optimize/corrections.hpp"
#include "ranef/optimize/difference_hessian.hpp"

namespace ranef {

namespace {

constexpr double kHiddenGain = 1e3;
constexpr int kMaxHiddenGains = 3;
/// Steps that promised more than this are too long for their gradients' change to improve on an expected Hessian ...
constexpr double kLocalGain = 0.1;
/// ... as long as they keep this share of their promise. (Every step that teaches nothing then lowers the objective by
/// no less than the product of the two: there are only so many.)
constexpr double kKept = 0.5;
/// A value that comes out higher by more than this when asked for again lies at the edge of the objective's domain.
constexpr double kReproducible = 1e-3;
/// Iterations that the approximation is given, beside one a parameter, and those that an exact Hessian serves.
constexpr int kPatience = 25, kRenewal = 10;
/// A search is hopeless when this many times the promised gain would not beat what is to be beaten, after some steps.
constexpr double kHope = 10.0;
constexpr int kFirstSteps = 2;
/// Curvatures of an exact Hessian in shares of the approximation's below which it is flat.
constexpr double kFlat = 1e-8;

using Mask = Eigen::Array<bool, Eigen::Dynamic, 1>;

/// The matrix with the rows and columns of masked coordinates replaced by the identity's.
Matrix without(Matrix matrix, const Mask& masked) {
  for (Index i = 0; i < masked.size(); ++i) {
    if (!masked[i]) continue;
    matrix.row(i).setZero();
    matrix.col(i).setZero();
    matrix(i, i) = 1.0;
  }
  return matrix;
}

class QuasiNewton {
 public:
  QuasiNewton(Objective& objective, const OptimizerOptions& options, const Progress& progress, const Bounds& bounds)
      : objective_(objective),
        options_(options),
        progress_(progress),
        bounds_(bounds),
        corrections_(objective.size()) {}

  OptimizerReport run(const Vector& start) {
    report_.point = bounds_.clamp(start);
    report_.value = objective_.value(report_.point);
    report_.evaluations = 1;
    if (!std::isfinite(report_.value)) return report_;
    report_.gradient = objective_.gradient();
    if (!bounds_.empty()) held_ = Mask::Constant(start.size(), false);
    report_.termination = Termination::max_iterations;
    for (; report_.iterations < options_.max_iterations; ++report_.iterations)
      if (ends()) break;
    report_.curvature = std::move(approximation_);
    return report_;
  }

 private:
  /// One iteration. True, with the termination set, if it is the last.
  bool ends() {
    if (progress_) progress_(report_.iterations, report_.value, report_.gradient.norm());
    Vector direction = descent();
    report_.expected_gain = -0.5 * report_.gradient.dot(direction);
    if (report_.expected_gain < options_.gain_tolerance) {
      // Corrections learnt far away can hide a gain that the approximation at this point sees.
      direction = local_descent();
      const double local = -0.5 * report_.gradient.dot(direction);
      if (local < kHiddenGain * options_.gain_tolerance || hidden_gains_ == kMaxHiddenGains)
        return end(Termination::converged);
      ++hidden_gains_;
      corrections_.clear();
    }
    if (hopeless()) return end(Termination::hopeless);
    Step step = line_search(objective_, {report_.point, report_.value, report_.gradient}, direction, bounds_,
                            report_.evaluations);
    if (!step.ok) return !recover() && end(Termination::stalled);
    advance(std::move(step));
    return false;
  }

  /// The first steps are short of what an approximation from far away can promise.
  bool hopeless() const {
    const Rival& rival = options_.rival;
    if (!rival || report_.iterations < kFirstSteps) return false;
    return report_.value - kHope * report_.expected_gain > rival.value || rival.attracts(report_.point, report_.value);
  }

  /// The corrected Newton step.
  Vector descent() {
    approximation_ = approximation();
    if (!bounds_.empty()) return bounded_descent();
    learn(approximation_);
    factor_.compute(approximation_);
    return -corrections_.apply(factor_, report_.gradient);
  }

  /// The step of the coordinates that bounds leave free: not those at an end beyond which the objective falls, nor
  /// those at an end that the step would cross.
  Vector bounded_descent() {
    Mask held = bounds_.blocked(report_.point, report_.gradient);
    if ((held && !held_).any()) forget();
    for (bool learnt = false;; learnt = true) {
      const Matrix hessian = without(approximation_, held);
      if (!learnt) learn(hessian);
      factor_.compute(hessian);
      const Vector step = held.select(0.0, -corrections_.apply(factor_, held.select(0.0, report_.gradient)));
      const Mask crossing = bounds_.blocked(report_.point, -step);
      held_ = held = held || crossing;
      if (!crossing.any()) return step;
    }
  }

  /// The step of the approximation alone, by the last factor; coordinates kept from crossing an end step inside.
  Vector local_descent() const {
    if (bounds_.empty()) return -factor_.solve(report_.gradient);
    const Mask blocked = bounds_.blocked(report_.point, report_.gradient);
    Vector direction = held_.select(0.0, -factor_.solve(held_.select(0.0, report_.gradient)));
    for (Index i = 0; i < direction.size(); ++i)
      if (held_[i] && !blocked[i]) direction[i] = -report_.gradient[i] / approximation_(i, i);
    return direction;
  }

  bool end(Termination termination) {
    report_.termination = termination;
    return true;
  }

  void forget() {
    corrections_.clear();
    last_step_ = {};
  }

  /// What corrections apply to: the objective's approximation, taken afresh at every point, which follows the scale of
  /// the parameters; or, where that has not served, the exact Hessian of a point not long ago.
  Matrix approximation() {
    const int patience = kPatience + static_cast<int>(report_.point.size());
    if (needs_exact_ || report_.iterations >= std::max(patience, exact_at_ + kRenewal)) renew_exact();
    return exact_.size() > 0 ? exact_ : objective_.approximate_hessian();
  }

  void renew_exact() {
    needs_exact_ = false;
    exact_at_ = report_.iterations;
    exact_ = {};
    const Matrix guess = objective_.approximate_hessian();
    const Vector scale = guess.diagonal().cwiseSqrt().cwiseInverse();
    const DifferencedHessian exact =
        difference_hessian(objective_, report_.point, report_.gradient, scale, Differences::forward);
    objective_.value(report_.point);
    report_.evaluations += static_cast<int>(scale.size()) + 1;
    objective_.gradient();
    if (!exact.ok) return;
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(scale.asDiagonal() * exact.hessian * scale.asDiagonal());
    const Vector curvatures = eigen.eigenvalues().cwiseAbs().cwiseMax(kFlat);
    const Matrix root = scale.cwiseInverse().asDiagonal() * eigen.eigenvectors();
    exact_ = root * curvatures.asDiagonal() * root.transpose();
    forget();
  }

  void learn(const Matrix& hessian) {
    if (last_step_.size() == 0) return;
    const bool expected = exact_.size() == 0 && objective_.hessian_is_expected();
    if (expected && promise_ > kLocalGain && gained_ > kKept * promise_) return;
    corrections_.add(last_step_, last_change_, hessian);
  }

  void advance(Step step) {
    promise_ = report_.expected_gain;
    gained_ = report_.value - step.value;
    last_step_ = step.point - report_.point;
    last_change_ = step.gradient - report_.gradient;
    if (!bounds_.empty()) last_change_ = held_.select(0.0, last_change_);
    report_.point = std::move(step.point);
    report_.value = step.value;
    report_.gradient = std::move(step.gradient);
  }

  /// After a line search without success: forgets what was learnt, then asks for the exact Hessian. False if neither
  /// is left to try.
  bool recover() {
    if (options_.rival) return false;
    if (corrections_.empty() && exact_at_ == report_.iterations) return false;
    needs_exact_ = corrections_.empty();
    forget();
    const double again = objective_.value(report_.point);
    ++report_.evaluations;
    if (!(again < report_.value + kReproducible)) return false;
    report_.value = again;
    report_.gradient = objective_.gradient();
    return true;
  }

  Objective& objective_;
  const OptimizerOptions& options_;
  const Progress& progress_;
  const Bounds& bounds_;
  OptimizerReport report_;
  Corrections corrections_;
  Vector last_step_, last_change_;  // empty: nothing to learn from
  Mask held_;                       // coordinates that the last step left at their ends
  Matrix approximation_;
  Eigen::LLT<Matrix> factor_;
  double promise_ = 0.0, gained_ = 0.0;
  Matrix exact_;  // empty: not in use
  int exact_at_ = -1;
  bool needs_exact_ = false;
  int hidden_gains_ = 0;
};

}  // namespace

const char* describe(Termination termination) {
  switch (termination) {
    case Termination::converged:
      return "converged";
    case Termination::stalled:
      return "stalled";
    case Termination::max_iterations:
      return "max_iterations";
    case Termination::no_start:
      return "no_start";
    case Termination::breakdown:
      return "breakdown";
    case Termination::hopeless:
      return "hopeless";
    case Termination::pole:
      return "pole";
  }
  return "";
}

OptimizerReport minimise(Objective& objective, const Vector& start, const OptimizerOptions& options,
                         const Progress& progress, const Bounds& bounds) {
  return QuasiNewton(objective, options, progress, bounds).run(start);
}

}  // namespace ranef
