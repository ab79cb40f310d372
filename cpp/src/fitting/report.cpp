#include "report.hpp"

#include <algorithm>
#include <cmath>

namespace ranef {

std::vector<Vector> user_coefficients(const Model& model, const std::vector<Vector>& ours) {
  std::vector<Vector> out;
  for (std::size_t k = 0; k < ours.size(); ++k) out.push_back(model.predictors()[k].to_user * ours[k]);
  return out;
}

TermVectors user_effects(const Model& model, TermVectors effects) {
  for (std::size_t t = 0; t < effects.size(); ++t) {
    const Matrix& to_user = model.terms()[t].to_user;
    if (to_user.size() == 1 && to_user(0, 0) == 1.0) continue;
    const Index w = to_user.rows();
    for (Index g = 0; g < effects[t].size(); g += w)
      effects[t].segment(g, w) = (to_user * effects[t].segment(g, w)).eval();
  }
  return effects;
}

std::vector<Index> reported_zeros(const Model& model, const ParameterMap& map, const Vector& point,
                                  const std::vector<Index>& held) {
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Index at = map.term_offset(t), count = model.terms()[t].covariance->parameter_count();
    const bool any = std::any_of(held.begin(), held.end(), [&](Index h) { return h >= at && h < at + count; });
    if (!any) continue;
    const auto reported = model.terms()[t].covariance->reported_parameters();
    const Vector values = map.to_values(point).segment(at, count);
    for (Index j = 0; j < count; ++j) {
      const bool sd = reported[j].kind == ReportedParameter::Kind::sd;
      const bool held_here = std::find(held.begin(), held.end(), at + j) != held.end();
      const bool at_edge = !sd && !(std::abs(values[j]) < 1.0 - 1e-8);
      if ((sd && values[j] == 0.0) || at_edge || (!sd && reported[j].row < 0 && held_here)) out.push_back(at + j);
    }
  }
  return out;
}

std::vector<Index> reported_limits(const Model& model, const ParameterMap& map, const Vector& point) {
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const Covariance& covariance = *model.terms()[t].covariance;
    for (const int p : covariance.at_limit(point.segment(map.term_offset(t), covariance.parameter_count())))
      out.push_back(map.term_offset(t) + p);
  }
  return out;
}

void copy_optimizer(const BoundaryReport& from, FitReport& to) {
  to.termination = from.optimizer.termination;
  to.gradient = from.optimizer.gradient;
  to.expected_gain = from.optimizer.expected_gain;
  to.iterations = from.optimizer.iterations;
  to.evaluations = from.optimizer.evaluations;
}

}  // namespace ranef
