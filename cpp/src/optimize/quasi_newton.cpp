#include "ranef/optimize/quasi_newton.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <deque>
#include <vector>

namespace ranef {

namespace {

constexpr double kArmijo = 1e-4;
constexpr double kCurvature = 0.9;
constexpr int kMaxTrials = 30;
constexpr std::size_t kMemory = 12;
constexpr double kHiddenGain = 1e3;
constexpr int kMaxHiddenGains = 3;
/// Steps that promised more than this are too long for their gradients' change to improve on an expected Hessian.
constexpr double kLocalGain = 0.1;
/// Steps are expressed in standard errors; a Difference of this many is small against the curvature's own change.
constexpr double kDifferenceStep = 1e-3;
/// Value differences below this share of the value are rounding.
constexpr double kRounding = 1e-13;
/// A value that comes out higher by more than this when asked for again lies at the edge of the objective's domain.
constexpr double kReproducible = 1e-3;

struct Step {
  bool ok = false;
  double value = 0.0;
  Vector point, gradient;
};

/// Bisection between the longest step known to be too short and the shortest known to be too long.
Step line_search(Objective& objective, const Vector& point, double value, const Vector& gradient,
                 const Vector& direction, int& evaluations) {
  const double slope = gradient.dot(direction);
  const double rounding = kRounding * (1.0 + std::abs(value)), start_noise = objective.noise();
  double shortest = 0.0, longest = std::numeric_limits<double>::infinity(), length = 1.0;
  Step best;
  for (int trial = 0; trial < kMaxTrials; ++trial) {
    const Vector candidate = point + length * direction;
    const double at = objective.value(candidate);
    ++evaluations;
    const double noise = rounding + start_noise + objective.noise();
    bool too_long = !std::isfinite(at) || at > value + kArmijo * length * slope + noise;
    if (!too_long && at > value - noise) {
      // Values this close say nothing: the slope decides (the approximate Wolfe condition, Hager and Zhang 2005).
      best = {true, at, candidate, objective.gradient()};
      if (best.gradient.dot(direction) <= (2.0 * kArmijo - 1.0) * slope) return best;
      too_long = true;
    }
    if (too_long) {
      longest = length;
      // The minimum of the parabola through the two values and the slope, kept away from the ends.
      const double parabola = std::isfinite(at) && shortest == 0.0
                                  ? -0.5 * slope * length * length / (at - value - slope * length)
                                  : 0.5 * (shortest + longest);
      length =
          std::min(std::max(parabola, shortest + 0.1 * (longest - shortest)), shortest + 0.6 * (longest - shortest));
      if (!std::isfinite(length)) return best;
      continue;
    }
    best = {true, at, candidate, objective.gradient()};
    if (best.gradient.dot(direction) >= kCurvature * slope) return best;
    shortest = length;
    length = std::isfinite(longest) ? 0.5 * (shortest + longest) : 2.0 * length;
  }
  return best;
}

/// The last pairs of steps and gradient changes: BFGS corrections to whatever inverse Hessian they are applied to.
class Corrections {
 public:
  /// A pair whose curvature differs from the approximation's by more than this factor belongs to another region.
  static constexpr double kComparable = 1e6;

  void add(const Vector& step, const Vector& change, const Matrix& approximation) {
    const double product = step.dot(change), expected = step.dot(approximation * step);
    if (!(product > expected / kComparable && product < expected * kComparable)) return;
    pairs_.push_back({step, change, 1.0 / product});
    if (pairs_.size() > kMemory) pairs_.pop_front();
  }
  void clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }

  /// The corrected inverse Hessian times g (the two-loop recursion, Nocedal and Wright 2006, algorithm 7.4).
  Vector apply(const Eigen::LLT<Matrix>& hessian, Vector g) const {
    std::vector<double> alpha(pairs_.size());
    for (std::size_t i = pairs_.size(); i-- > 0;) {
      alpha[i] = pairs_[i].weight * pairs_[i].step.dot(g);
      g -= alpha[i] * pairs_[i].change;
    }
    g = hessian.solve(g);
    for (std::size_t i = 0; i < pairs_.size(); ++i)
      g += (alpha[i] - pairs_[i].weight * pairs_[i].change.dot(g)) * pairs_[i].step;
    return g;
  }

 private:
  struct Pair {
    Vector step, change;
    double weight;
  };
  std::deque<Pair> pairs_;
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
    case Termination::pole:
      return "pole";
  }
  return "";
}

OptimizerReport minimise(Objective& objective, const Vector& start, const OptimizerOptions& options,
                         const Progress& progress) {
  OptimizerReport report;
  report.point = start;
  report.value = objective.value(start);
  report.evaluations = 1;
  if (!std::isfinite(report.value)) return report;
  report.gradient = objective.gradient();
  Corrections corrections;
  Vector last_step = Vector::Zero(start.size()), last_change = last_step;
  int hidden_gains = 0;
  report.termination = Termination::max_iterations;
  for (; report.iterations < options.max_iterations; ++report.iterations) {
    if (progress) progress(report.iterations, report.value, report.gradient.norm());
    // The objective's approximation is taken afresh at every point: it follows the scale of the parameters, and the
    // corrections need only supply what it lacks.
    const Matrix hessian = objective.approximate_hessian();
    const bool far = objective.hessian_is_expected() && report.expected_gain > kLocalGain;
    if (report.iterations > 0 && !far) corrections.add(last_step, last_change, hessian);
    const Eigen::LLT<Matrix> approximation(hessian);
    Vector direction = -corrections.apply(approximation, report.gradient);
    report.expected_gain = -0.5 * report.gradient.dot(direction);
    if (report.expected_gain < options.gain_tolerance) {
      // Corrections learnt far away can hide a gain that the approximation at this point sees.
      const double local = 0.5 * report.gradient.dot(approximation.solve(report.gradient));
      if (local < kHiddenGain * options.gain_tolerance || hidden_gains == kMaxHiddenGains) {
        report.termination = Termination::converged;
        break;
      }
      ++hidden_gains;
      corrections.clear();
      direction = -approximation.solve(report.gradient);
    }
    Step step = line_search(objective, report.point, report.value, report.gradient, direction, report.evaluations);
    if (!step.ok) {
      if (corrections.empty()) {
        report.termination = Termination::stalled;
        break;
      }
      corrections.clear();
      last_step.setZero();
      const double again = objective.value(report.point);
      ++report.evaluations;
      if (!(again < report.value + kReproducible)) {
        report.termination = Termination::stalled;
        break;
      }
      report.value = again;
      report.gradient = objective.gradient();
      continue;
    }
    last_step = step.point - report.point;
    last_change = step.gradient - report.gradient;
    report.point = std::move(step.point);
    report.value = step.value;
    report.gradient = std::move(step.gradient);
  }
  return report;
}

DifferencedHessian difference_hessian(Objective& objective, const Vector& point, const Vector& gradient,
                                      const Vector& scale, Differences kind) {
  const Index size = point.size();
  DifferencedHessian out{true, Matrix(size, size)};
  for (Index j = 0; j < size; ++j) {
    const double step = kDifferenceStep * scale[j];
    Vector moved = point;
    moved[j] = point[j] + step;
    if (!std::isfinite(objective.value(moved))) return {};
    const Vector ahead = objective.gradient();
    if (kind == Differences::forward) {
      out.hessian.col(j) = (ahead - gradient) / step;
      continue;
    }
    moved[j] = point[j] - step;
    if (!std::isfinite(objective.value(moved))) return {};
    out.hessian.col(j) = (ahead - objective.gradient()) / (2.0 * step);
  }
  out.hessian = (0.5 * (out.hessian + out.hessian.transpose())).eval();
  return out;
}

}  // namespace ranef
