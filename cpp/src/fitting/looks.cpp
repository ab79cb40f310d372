#include "looks.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "look_candidates.hpp"

namespace ranef {

namespace {

/// A look that gains less log-likelihood than this has found the optimum that was known.
constexpr double kBetter = 1e-7;
constexpr int kMaxRounds = 6;
/// A basin, in log-likelihood above its optimum and in ordinary scales beside zero, and the share of what the curvature
/// says by which the likelihood has to fall short.
constexpr double kNearValue = 0.1, kNearZero = 0.3, kShare = 0.5;
/// A model without random effects is looked at if its value falls short by less than this.
constexpr double kNearlyAsGood = 2.0;
/// Parameters of the random effects that are few.
constexpr Index kFew = 10;
/// Scattered looks, and between which ordinary scales.
constexpr int kScattered = 4;
constexpr double kSmallest = 0.03, kLargest = 3.0;
/// So many random effects for each row can take the place of a dispersion.
constexpr double kFine = 0.25;

Matrix approximate_covariance(const BoundaryReport& found) {
  const Matrix& directions = found.space.directions;
  Matrix out = directions.transpose();
  found.optimizer.curvature.llt().solveInPlace(out);
  return directions * out;
}

std::vector<ScaleGroup> scale_groups(const Landscape& landscape) {
  std::vector<ScaleGroup> out;
  Index first = landscape.theta_first;
  for (const RandomTerm& term : landscape.model.terms()) {
    const Index count = term.covariance->parameter_count();
    Index reported = first;  // standard deviations are reported first, in the order of their directions
    for (const std::vector<int>& group : term.covariance->null_directions(Vector::Zero(count))) {
      out.push_back({{}, reported++, term.predictor == 0 ? landscape.unit : 1.0});
      for (const int p : group) out.back().places.push_back(first + p);
    }
    first += count;
  }
  return out;
}

double effects_per_row(const Model& model) {
  double effects = 0.0;
  for (const RandomTerm& term : model.terms()) effects += double(term.node_count()) * term.width;
  return effects / static_cast<double>(model.rows());
}

std::vector<Index> standard_deviations(const FoundOptimum& found) {
  std::vector<Index> out;
  for (const ScaleGroup& group : found.groups()) out.push_back(group.reported);
  return out;
}

/// No random effects at all, where that is nearly as good.
void add_without_effects(const FoundOptimum& found, std::vector<Candidate>& out) {
  const Vector& start = found.landscape().without_effects;
  if (found.landscape().value(start) < found.value() + kNearlyAsGood)
    out.push_back({Look::Kind::zero, standard_deviations(found), start});
}

/// Several scales with correlations between them or outside the mean can share the data in many ways.
bool has_many_optima(const FoundOptimum& found) {
  if (found.groups().size() < 2 || !found.has_few_parameters()) return false;
  const std::vector<RandomTerm>& terms = found.model().terms();
  return std::any_of(terms.begin(), terms.end(), [](const RandomTerm& term) {
    return term.predictor != 0 || standard_deviation_count(*term.covariance) < term.covariance->parameter_count();
  });
}

/// The digits of n in a base of their own for each coordinate, mirrored at the point: spread evenly over (0, 1).
double halton(int n, int coordinate) {
  constexpr int kPrimes[] = {2, 3, 5, 7, 11, 13};
  constexpr int kCount = sizeof kPrimes / sizeof kPrimes[0];
  const int base = kPrimes[coordinate % kCount];
  double out = 0.0, share = 1.0;
  for (int rest = n + coordinate / kCount; rest > 0; rest /= base) out += (share /= base) * (rest % base);
  return out;
}

/// Uncorrelated effects with scales of all sizes.
void add_scattered(const FoundOptimum& found, std::vector<Candidate>& out) {
  for (int n = 1; n <= kScattered; ++n) {
    Vector start = found.landscape().without_effects;
    Index first = found.landscape().theta_first;
    int coordinate = 0;
    for (const RandomTerm& term : found.model().terms()) {
      const double unit = term.predictor == 0 ? found.landscape().unit : 1.0;
      Vector sds(term.covariance->width());
      for (double& sd : sds) sd = unit * kSmallest * std::pow(kLargest / kSmallest, halton(n, coordinate++));
      start.segment(first, term.covariance->parameter_count()) = term.covariance->start(sds);
      first += term.covariance->parameter_count();
    }
    out.push_back({Look::Kind::scattered, standard_deviations(found), std::move(start)});
  }
}

std::vector<Candidate> candidates(const FoundOptimum& found) {
  std::vector<Candidate> out = covariance_candidates(found);
  for (Candidate& candidate : predictor_candidates(found)) out.push_back(std::move(candidate));
  if (out.empty() || found.landscape().without_effects.size() == 0) return out;
  add_without_effects(found, out);
  if (has_many_optima(found)) add_scattered(found, out);
  return out;
}

/// The neighbourhood of an optimum in which the likelihood is about as its curvature there says.
class Basin {
 public:
  Basin(const FoundOptimum& optimum, const BoundaryReport& found) : optimum_(optimum), found_(found) {}

  bool contains(Vector point, double value) const {
    const double above = value - found_.optimizer.value;
    if (above > kNearValue) return false;
    fold(point);
    const Vector step = point - found_.point;
    for (const ScaleGroup& group : optimum_.groups())
      for (const Index p : group.places)
        if (optimum_.at_zero(group) && std::abs(step[p]) > kNearZero * group.unit) return false;
    const Vector free = found_.space.directions.transpose() * step;
    const double expected = 0.5 * free.dot(found_.optimizer.curvature * free);
    return expected < kNearValue && above > kShare * expected;
  }

 private:
  /// To the signs of the optimum: the likelihood is even in each group of scales.
  void fold(Vector& point) const {
    for (const ScaleGroup& group : optimum_.groups())
      if (point[group.lead()] * found_.point[group.lead()] < 0.0)
        for (const Index p : group.places) point[p] = -point[p];
  }

  const FoundOptimum& optimum_;
  const BoundaryReport& found_;
};

}  // namespace

FoundOptimum::FoundOptimum(const Landscape& landscape, const BoundaryReport& found)
    : landscape_(landscape),
      found_(found),
      covariance_(approximate_covariance(found)),
      groups_(scale_groups(landscape)),
      fine_(effects_per_row(landscape.model) > kFine) {}

bool FoundOptimum::has_few_parameters() const { return point().size() - landscape_.theta_first <= kFew; }

bool FoundOptimum::at_zero(const ScaleGroup& group) const {
  return std::all_of(group.places.begin(), group.places.end(), [&](Index p) { return point()[p] == 0.0; });
}

BoundaryReport look_around(const Landscape& landscape, BoundaryReport found, std::vector<Look>& record) {
  for (int round = 0; round < kMaxRounds; ++round) {
    bool better = false;
    const FoundOptimum optimum(landscape, found);
    const Basin basin(optimum, found);
    const Rival rival{found.optimizer.value - kBetter,
                      [&](const Vector& point, double value) { return basin.contains(point, value); }};
    for (Candidate& candidate : candidates(optimum)) {
      BoundaryReport other = landscape.search(candidate.start, rival);
      const bool converged = other.optimizer.termination == Termination::converged;
      const double gained = converged ? found.optimizer.value - other.optimizer.value : 0.0;
      record.push_back({candidate.kind, std::move(candidate.moved), std::max(gained, 0.0)});
      if (gained <= kBetter) continue;
      found = std::move(other);
      better = true;
      break;
    }
    if (!better) break;
  }
  return found;
}

}  // namespace ranef
