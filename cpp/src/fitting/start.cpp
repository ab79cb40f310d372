#include "start.hpp"

#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

/// Usual standard deviations, as shares of the response's own scale.
constexpr double kStartScale = 0.3;

}  // namespace

double ordinary_scale(const FixedEffectsStart& start, int predictor) {
  const double scale = start.scale[predictor];
  if (!(std::isfinite(scale) && scale > 1e-12 && scale < 1e12)) return 1.0;
  // Log dispersions and logits of zero inflation have a scale of their own, and working residuals that are wild.
  return predictor == 0 ? scale : std::min(scale, 1.0);
}

Vector starting_point(const Model& model, const ParameterMap& map, const FixedEffectsStart& start, StartScale factor) {
  Vector point = Vector::Zero(map.size());
  for (std::size_t k = 0; k < start.coefficients.size(); ++k)
    if (const Index at = map.coefficient_offset(k); at >= 0)
      point.segment(at, start.coefficients[k].size()) = start.coefficients[k];
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    const RandomTerm& term = model.terms()[t];
    const double sd =
        kStartScale * (term.predictor == 0 ? factor.mean : factor.other) * ordinary_scale(start, term.predictor);
    point.segment(map.term_offset(t), term.covariance->parameter_count()) = term.covariance->start(sd);
  }
  return point;
}

Vector towards_constant(const Model& model, const ParameterMap& map, Vector point, double share) {
  const Vector constant = constant_predictors(model);
  Index first = 0;
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const Index columns = model.predictors()[k].columns();
    if (const Index at = map.coefficient_offset(k); at >= 0)
      point.segment(at, columns) += share * (constant.segment(first, columns) - point.segment(at, columns));
    first += columns;
  }
  return point;
}

}  // namespace ranef
