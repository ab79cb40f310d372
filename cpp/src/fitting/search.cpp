#include "search.hpp"

#include <cmath>
#include <limits>

#include "free_space.hpp"
#include "looks.hpp"
#include "start.hpp"

namespace ranef {

namespace {

/// Log-likelihood that the fit of a special case may have more than that of the whole model: what a zero may cost.
constexpr double kSpecialCaseGain = 1e-7;
/// A linear predictor below this has little left to do; one at this does nothing.
constexpr double kLow = -2.0;
constexpr double kAbsent = -20.0;
/// Standard deviations above this many ordinary ones are where to ask whether the Laplace approximation holds.
constexpr double kWide = 4.0;
/// A random effect whose posterior has a skewness above this has nothing Gaussian left: its mean lies four of its
/// standard deviations beside its mode. (Bernoulli rows with an effect each come there at 20 to 40 on the logit scale,
/// where the approximation rises though the integral falls; groups of equal outcomes stay below at ordinary scales.)
constexpr double kBroken = 8.0;
/// Ways to constant predictors that starts go where the likelihood has no value at ordinary ones.
constexpr double kTowardsConstant[] = {0.1, 0.5, 1.0};
/// A smallest pivot of H below this, where a search found no further step, is the neighbourhood of a pole.
constexpr double kNearPole = 0.1;

bool converged(const BoundaryReport& report) { return report.optimizer.termination == Termination::converged; }

/// Runs searches and adds up what they cost.
class Searcher {
 public:
  Searcher(LaplaceObjective& objective, const Model& model, const ParameterMap& map, const FixedEffectsStart& start,
           const FitRequest& request)
      : objective_(&objective), model_(&model), map_(&map), start_(&start), request_(&request) {}

  BoundaryReport run(const AffineSpace& space, const Vector& start, const Rival& rival = {}) {
    objective_->reset_mode();
    OptimizerOptions options = request_->options.optimizer;
    options.rival = rival;
    BoundaryReport out = minimise_with_boundary(*objective_, *model_, space, start, map_->theta_offset(),
                                                ordinary_scale(*start_, 0), options, request_->progress);
    evaluations_ += out.optimizer.evaluations;
    iterations_ += out.optimizer.iterations;
    if (out.optimizer.termination == Termination::stalled && near_pole(out.point))
      out.optimizer.termination = Termination::pole;
    if (converged(out) && broken_down(out.point)) out.optimizer.termination = Termination::breakdown;
    return out;
  }
  AffineSpace free_space(const Vector& start) const {
    return ranef::free_space(*model_, *map_, start, request_->start, request_->fixed);
  }
  BoundaryReport run(const Vector& start) { return run(free_space(start), start); }
  Vector ordinary_start(const StartScale& factor) const { return starting_point(*model_, *map_, *start_, factor); }

  BoundaryReport look_around(BoundaryReport found, std::vector<Look>& record) {
    if (!converged(found)) return found;
    const AffineSpace space = free_space(found.point);
    if (space.directions.cols() == 0) return found;
    std::vector<Index> offsets;
    for (std::size_t k = 0; k < model_->predictors().size(); ++k) offsets.push_back(map_->coefficient_offset(k));
    const auto value = [&](const Vector& point) {
      objective_->reset_mode();
      ++evaluations_;
      return objective_->value(space.point(space.coordinates(point)));
    };
    const auto search = [&](const Vector& start, const Rival& rival) { return run(space, start, rival); };
    return ranef::look_around({*model_, map_->theta_offset(), std::move(offsets), ordinary_scale(*start_, 0),
                               ordinary_start({0.0, 0.0}), value, search},
                              std::move(found), record);
  }

  BoundaryReport with_costs(BoundaryReport report) const {
    report.optimizer.evaluations = evaluations_;
    report.optimizer.iterations = iterations_;
    return report;
  }

 private:
  bool broken_down(const Vector& point) {
    const Vector theta = point.tail(point.size() - map_->theta_offset());
    if (theta.size() == 0 || theta.cwiseAbs().maxCoeff() < kWide * ordinary_scale(*start_, 0)) return false;
    if (!std::isfinite(objective_->value(point))) return true;
    objective_->gradient();
    for (const Vector& skewness : objective_->skewness())
      if (skewness.cwiseAbs().maxCoeff() > kBroken) return true;
    return false;
  }
  /// Whether a search ends at `point` because there, or just beyond, the approximation does not hold.
  bool near_pole(const Vector& point) {
    return !std::isfinite(objective_->precise_value(point)) ||
           objective_->system().cholesky().smallest_pivot() < kNearPole;
  }

  LaplaceObjective* objective_;
  const Model* model_;
  const ParameterMap* map_;
  const FixedEffectsStart* start_;
  const FitRequest* request_;
  int evaluations_ = 0, iterations_ = 0;
};

/// An optimum before none, a lower value before a higher one.
bool better(const BoundaryReport& a, const BoundaryReport& b) {
  if (a.optimizer.termination == Termination::no_start) return false;
  if (b.optimizer.termination == Termination::no_start) return true;
  if (converged(a) != converged(b)) return converged(a);
  return a.optimizer.value < b.optimizer.value;
}

/// Parameters of the random effects outside the mean.
std::vector<Index> parameters_outside_mean(const Model& model, const ParameterMap& map) {
  std::vector<Index> out;
  for (std::size_t t = 0; t < model.terms().size(); ++t)
    for (int p = 0; model.terms()[t].predictor != 0 && p < model.terms()[t].covariance->parameter_count(); ++p)
      out.push_back(map.term_offset(t) + p);
  return out;
}

/// The point with the predictors that carry the parameters outside the mean as good as absent in the rows in which they
/// are low already: there poles lie on the way to a limit at infinity.
Vector beyond_the_poles(const Model& model, const ParameterMap& map, Vector point) {
  for (const RandomTerm& term : model.terms()) {
    if (term.predictor == 0) continue;
    const LinearPredictor& predictor = model.predictors()[term.predictor];
    auto coefficients = point.segment(map.coefficient_offset(term.predictor), predictor.columns());
    const Vector eta = predictor.matrix * coefficients;
    const Vector target = (eta.array() < kLow).select(Vector::Constant(eta.size(), kAbsent), eta);
    coefficients = predictor.matrix.transpose() * target / static_cast<double>(model.rows());  // orthogonal columns
  }
  return point;
}

/// The better of `found` and what comes of the model without random effects outside the mean.
BoundaryReport compare_with_special_case(Searcher& searcher, const Model& model, const ParameterMap& map,
                                         BoundaryReport found) {
  const std::vector<Index> held = parameters_outside_mean(model, map);
  const Vector start = searcher.ordinary_start({1.0, 0.1});
  BoundaryReport special = searcher.run(AffineSpace::everything(map.size()).without(held), start);
  if (!converged(special)) return found;
  const auto departing = [&](const Vector& scales) {
    Vector out = special.point;
    for (const Index h : held) out[h] = scales[h];
    return out;
  };
  const BoundaryReport whole = searcher.run(departing(start));
  if (better(whole, found)) found = whole;
  if (!converged(whole)) {
    const Vector ordinary = searcher.ordinary_start({1.0, 1.0});
    BoundaryReport limit = searcher.run(beyond_the_poles(model, map, departing(ordinary)));
    if (better(limit, found)) found = std::move(limit);
  }
  if (converged(found) && found.optimizer.value < special.optimizer.value - kSpecialCaseGain) return found;
  special.at_zero.insert(special.at_zero.end(), held.begin(), held.end());
  if (converged(whole)) return special;
  if (whole.optimizer.termination != Termination::pole) return found;
  special.optimizer.termination = Termination::pole;
  return special;
}

}  // namespace

SearchReport search(LaplaceObjective& objective, const Model& model, const ParameterMap& map,
                    const FixedEffectsStart& fixed_start, const FitRequest& request) {
  Searcher searcher(objective, model, map, fixed_start, request);
  std::vector<Vector> starts;
  if (request.start.size() > 0) starts.push_back(map.to_point(request.start));
  for (const StartScale& factor : kStartScales)
    if (request.fixed.empty()) starts.push_back(searcher.ordinary_start(factor));
  BoundaryReport found;
  std::size_t tried = 0;
  while (tried < starts.size() && !converged(found) && found.optimizer.termination != Termination::max_iterations) {
    BoundaryReport attempt = searcher.run(starts[tried++]);
    if (better(attempt, found)) found = std::move(attempt);
  }
  if (found.optimizer.termination == Termination::no_start && request.fixed.empty())
    for (const double share : kTowardsConstant) {
      BoundaryReport attempt = searcher.run(towards_constant(model, map, searcher.ordinary_start({1.0, 0.1}), share));
      if (better(attempt, found)) found = std::move(attempt);
    }
  const bool as_asked = request.start.size() > 0 && converged(found) && tried == 1;
  if (model.active() == Active::all && request.fixed.empty() && !as_asked &&
      found.optimizer.termination != Termination::max_iterations)
    found = compare_with_special_case(searcher, model, map, std::move(found));
  SearchReport out;
  found = searcher.look_around(std::move(found), out.looks);
  objective.reset_mode();
  out.best = searcher.with_costs(std::move(found));
  return out;
}

}  // namespace ranef
