#include "ranef/optimize/boundary.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

/// Scales below this share of an ordinary one are tried at zero.
constexpr double kNegligible = 2e-2;
/// Zero is kept if it costs no more log-likelihood than this.
constexpr double kZeroCost = 1e-7;
/// Where, in shares of an ordinary scale, the one-sided derivative is taken, and where a search away from zero starts.
constexpr double kProbe = 1e-3;
constexpr double kRestart = 0.2;
constexpr int kMaxRestarts = 3;

struct NullDirections {
  Vector point;                            ///< negligible scales set to zero
  std::vector<std::vector<Index>> groups;  ///< coordinates that are zero together
  std::vector<Index> undetermined;
};

NullDirections null_directions(const Model& model, const Vector& point, Index theta_first, double unit,
                               const AffineSpace& space) {
  NullDirections out{point, {}, {}};
  const auto free = [&](Index i) { return space.directions.row(i).squaredNorm() > 0.5; };
  Index first = theta_first;
  for (const RandomTerm& term : model.terms()) {
    const Covariance& covariance = *term.covariance;
    const Index count = covariance.parameter_count();
    const Vector theta = covariance.without_negligible(point.segment(first, count), kNegligible * unit);
    const std::size_t before = out.groups.size();
    for (const std::vector<int>& group : covariance.null_directions(theta)) {
      if (!std::all_of(group.begin(), group.end(), [&](int p) { return free(first + p); })) continue;
      out.groups.emplace_back();
      for (int p : group) out.groups.back().push_back(first + p);
    }
    if (out.groups.size() > before) {
      for (Index p = 0; p < count; ++p)
        if (free(first + p)) out.point[first + p] = theta[p];
      for (int p : covariance.undetermined(theta))
        if (free(first + p)) out.undetermined.push_back(first + p);
    }
    first += count;
  }
  return out;
}

}  // namespace

Bounds free_bounds(const Model& model, Index theta_first, const AffineSpace& space) {
  Bounds out;
  Index first = theta_first;
  for (const RandomTerm& term : model.terms()) {
    const Bounds own = term.covariance->bounds();
    for (Index p = 0; p < own.lower.size(); ++p) {
      const Index i = first + p;
      Index j = 0;
      while (j < space.directions.cols() && space.directions(i, j) != 1.0) ++j;
      if (j == space.directions.cols()) continue;
      if (out.empty()) out = Bounds::wide(space.directions.cols());
      out.lower[j] = own.lower[p] - space.base[i];
      out.upper[j] = own.upper[p] - space.base[i];
    }
    first += term.covariance->parameter_count();
  }
  return out;
}

namespace {

/// A direction within the group along which the variance wants to grow, scaled to a restart; empty if there is none.
Vector way_out(Objective& objective, const Vector& point, const std::vector<Index>& group, double unit) {
  const auto size = static_cast<Index>(group.size());
  Matrix curvature(size, size);
  for (Index i = 0; i < size; ++i) {
    Vector probe = point;
    probe[group[i]] = kProbe * unit;
    if (!std::isfinite(objective.value(probe))) return {};
    const Vector gradient = objective.gradient();
    for (Index j = 0; j < size; ++j) curvature(j, i) = gradient[group[j]] / (kProbe * unit);
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(0.5 * (curvature + curvature.transpose()));
  if (eigen.eigenvalues()[0] >= 0.0) return {};
  Vector out = point;
  for (Index i = 0; i < size; ++i) out[group[i]] += kRestart * unit * eigen.eigenvectors()(i, 0);
  return out;
}

/// The options with the rival as a search in the space meets it.
OptimizerOptions seen_from(const AffineSpace& space, const OptimizerOptions& options) {
  OptimizerOptions out = options;
  if (options.rival)
    out.rival.attracts = [&](const Vector& free, double value) {
      return options.rival.attracts(space.point(free), value);
    };
  return out;
}

/// Parameters that ended at an end of their range are held there: the objective is judged in the others.
void hold_ends(const Model& model, Index theta_first, BoundaryReport& report) {
  std::vector<Index> ends;
  Index first = theta_first;
  for (const RandomTerm& term : model.terms()) {
    const Index count = term.covariance->parameter_count();
    for (const int p : term.covariance->at_limit(report.point.segment(first, count)))
      if ((report.space.directions.row(first + p).array() == 1.0).any()) ends.push_back(first + p);
    first += count;
  }
  if (ends.empty()) return;
  AffineSpace inside = report.space.without(ends);
  for (const Index e : ends) inside.base[e] = report.point[e];
  const Matrix kept = report.space.directions.transpose() * inside.directions;
  report.optimizer.point = inside.coordinates(report.point);
  report.optimizer.gradient = kept.transpose() * report.optimizer.gradient;
  report.optimizer.curvature = kept.transpose() * report.optimizer.curvature * kept;
  report.space = std::move(inside);
}

}  // namespace

BoundaryReport minimise_with_boundary(Objective& objective, const Model& model, AffineSpace space, const Vector& start,
                                      Index theta_first, double unit, const OptimizerOptions& options,
                                      const Progress& progress) {
  BoundaryReport best;
  Vector from = start;
  int evaluations = 0, iterations = 0;
  for (int attempt = 0; attempt <= kMaxRestarts; ++attempt) {
    RestrictedObjective restricted(objective, space);
    OptimizerReport report = minimise(restricted, space.coordinates(from), seen_from(space, options), progress,
                                      free_bounds(model, theta_first, space));
    evaluations += report.evaluations;
    iterations += report.iterations;
    if (attempt == 0 || report.value < best.optimizer.value) best = {report, space, space.point(report.point), {}};
    if (report.termination == Termination::no_start || report.termination == Termination::max_iterations ||
        report.termination == Termination::hopeless)
      break;

    const NullDirections zero = null_directions(model, best.point, theta_first, unit, space);
    if (zero.groups.empty()) break;
    ++evaluations;
    const double interior = objective.precise_value(best.point);
    if (!(objective.precise_value(zero.point) <= interior + kZeroCost)) break;
    Vector out;
    for (const std::vector<Index>& group : zero.groups) {
      evaluations += static_cast<int>(group.size());
      if (out = way_out(objective, zero.point, group, unit); out.size() > 0) break;
    }
    if (out.size() > 0 && attempt < kMaxRestarts) {
      from = out;
      continue;
    }
    std::vector<Index> held = zero.undetermined;
    for (const std::vector<Index>& group : zero.groups) held.insert(held.end(), group.begin(), group.end());
    AffineSpace at_point = space.without(held);
    for (const Index u : zero.undetermined) at_point.base[u] = zero.point[u];
    RestrictedObjective final_objective(objective, at_point);
    OptimizerReport final_report =
        minimise(final_objective, at_point.coordinates(zero.point), seen_from(at_point, options), progress,
                 free_bounds(model, theta_first, at_point));
    evaluations += final_report.evaluations;
    iterations += final_report.iterations;
    if (final_report.termination != Termination::no_start)
      best = {final_report, at_point, at_point.point(final_report.point), held};
    break;
  }
  best.optimizer.evaluations = evaluations;
  best.optimizer.iterations = iterations;
  if (best.optimizer.termination == Termination::converged) hold_ends(model, theta_first, best);
  return best;
}

}  // namespace ranef
