#include "looks.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

namespace ranef {

namespace {

/// A look that gains less log-likelihood than this has found the optimum that was known.
constexpr double kBetter = 1e-7;
constexpr int kMaxRounds = 3;
/// Scales this many standard errors away from zero need no look at zero.
constexpr double kClear = 2.0;
/// A linear predictor beside the mean needs no look if it has a standard error below this in some row, a correlation if
/// it has one below that.
constexpr double kKnownPredictor = 0.45, kKnownCorrelation = 0.25;
/// So many random effects for each row can take the place of a dispersion, however well it is known beside them.
constexpr double kFine = 0.25;
/// Scales at zero are looked at here, in ordinary ones; the second decides with the first whether the likelihood falls
/// all the way.
constexpr double kNear = 0.6, kFar = 2.0;
/// A look whose values fall short by more than this and go on falling is not followed.
constexpr double kLost = 2.0;
/// How far a linear predictor is shifted towards its limit, and beyond which level it has arrived there.
constexpr double kShift = 5.0, kArrived = 10.0;
/// By what a dispersion at its limit leaves to the random effects they grow.
constexpr double kGrowth = 1.4;
constexpr double kStrongCorrelation = 0.8, kOtherCorrelation = 0.5, kPerfect = 0.98;

/// A place from which to search.
struct Candidate {
  Look::Kind kind;
  std::vector<Index> moved;  ///< reported parameters, counted as the coordinates of a point are
  Vector start;
};

/// Scale parameters of a term that vanish together; the first of them is a standard deviation.
struct ScaleGroup {
  std::vector<Index> places;
  Index reported;  ///< the standard deviation's place among the reported parameters
  double unit;
  Index lead() const { return places.front(); }
};

class Looks {
 public:
  Looks(const Landscape& landscape, const BoundaryReport& found)
      : landscape_(landscape), point_(found.point), covariance_(approximate_covariance(found)) {
    Index first = landscape.theta_first;
    for (const RandomTerm& term : landscape.model.terms()) {
      const Index count = term.covariance->parameter_count();
      Index reported = first;  // standard deviations are reported first, in the order of their directions
      for (const std::vector<int>& group : term.covariance->null_directions(Vector::Zero(count))) {
        groups_.push_back({{}, reported++, term.predictor == 0 ? landscape.unit : 1.0});
        for (const int p : group) groups_.back().places.push_back(first + p);
      }
      first += count;
    }
    value_ = found.optimizer.value;
    double effects = 0.0;
    for (const RandomTerm& term : landscape.model.terms()) effects += double(term.node_count()) * term.width;
    fine_ = effects > kFine * static_cast<double>(landscape.model.rows());
  }

  std::vector<Candidate> candidates() {
    add_zeros();
    add_raised();
    add_correlations();
    for (std::size_t k = 1; k < landscape_.coefficient_offset.size(); ++k) add_shifts(k);
    if (!candidates_.empty()) add_without_effects();
    return std::move(candidates_);
  }

 private:
  /// Of the coordinates of a point, by the approximate information at the end of the search; zero for what was held.
  static Matrix approximate_covariance(const BoundaryReport& found) {
    const Matrix& directions = found.space.directions;
    Matrix out = directions.transpose();
    found.optimizer.curvature.llt().solveInPlace(out);
    return directions * out;
  }
  double error(Index place) const { return std::sqrt(covariance_(place, place)); }

  bool at_zero(const ScaleGroup& group) const {
    return std::all_of(group.places.begin(), group.places.end(), [&](Index p) { return point_[p] == 0.0; });
  }

  /// Uncertain scales at zero.
  void add_zeros() {
    for (const ScaleGroup& group : groups_) {
      const Index lead = group.lead();
      if (at_zero(group) || std::abs(point_[lead]) > kClear * error(lead)) continue;
      Vector start = point_;
      for (const Index p : group.places) start[p] = 0.0;
      candidates_.push_back({Look::Kind::zero, {group.reported}, start});
    }
  }

  /// Scales at zero raised, one by one where the likelihood does not fall all the way, and all together.
  void add_raised() {
    std::vector<Index> all;
    Vector together = point_;
    for (const ScaleGroup& group : groups_) {
      if (!at_zero(group)) continue;
      Vector near = point_, far = point_;
      near[group.lead()] = kNear * group.unit;
      far[group.lead()] = kFar * group.unit;
      const double at_near = landscape_.value(near), at_far = landscape_.value(far);
      const double best = std::min(at_near, at_far);
      if (std::isfinite(best) && (best < value_ + kLost || at_far < at_near))
        candidates_.push_back({Look::Kind::raised, {group.reported}, at_far < at_near ? far : near});
      together[group.lead()] = group.unit;
      all.push_back(group.reported);
    }
    if (all.size() > 1) candidates_.push_back({Look::Kind::raised, all, together});
  }

  /// Strong correlations of either sign where a structure's only correlation is uncertain.
  void add_correlations() {
    Index first = landscape_.theta_first;
    for (const RandomTerm& term : landscape_.model.terms()) {
      const Covariance& covariance = *term.covariance;
      const auto reported = covariance.reported_parameters();
      const Index place = covariance.parameter_count() - 1;
      if (covariance.basis_freedom() != BasisFreedom::full &&
          reported[static_cast<std::size_t>(place)].kind == ReportedParameter::Kind::correlation)
        add_correlations(covariance, first, place);
      first += covariance.parameter_count();
    }
  }

  void add_correlations(const Covariance& covariance, Index first, Index place) {
    const Vector theta = point_.segment(first, covariance.parameter_count());
    const Matrix basis = Matrix::Identity(covariance.width(), covariance.width());
    if (!covariance.undetermined(theta).empty()) return;
    Vector values = covariance.report(theta, basis);
    const double now = values[place];
    const double of_reported = error(first + place) * covariance.report_jacobian(theta, basis)(place, place);
    if (std::abs(of_reported) < kKnownCorrelation && std::abs(now) < kPerfect) return;
    const double lowest = covariance.series() > 1 ? -1.0 : -1.0 / (covariance.width() - 1);
    for (const double target : {kStrongCorrelation * lowest, kStrongCorrelation}) {
      if (std::abs(target - now) < kOtherCorrelation * -lowest) continue;
      values[place] = target;
      Vector start = point_;
      start.segment(first, theta.size()) = covariance.from_report(values, basis);
      candidates_.push_back({Look::Kind::correlation, {first + place}, start});
    }
  }

  /// A dispersion or zero inflation at either limit, or, where it has reached one, back inside.
  void add_shifts(std::size_t k) {
    const LinearPredictor& predictor = landscape_.model.predictors()[k];
    const Index at = landscape_.coefficient_offset[k], size = predictor.columns();
    if (at < 0 || size == 0) return;
    const Matrix of_coefficients = covariance_.block(at, at, size, size);
    const Vector variance = (predictor.matrix * of_coefficients).cwiseProduct(predictor.matrix).rowwise().sum();
    if (!fine_ && variance.minCoeff() < kKnownPredictor * kKnownPredictor) return;
    const Vector constant = predictor.matrix.colwise().mean();  // of orthogonal columns of mean square one
    std::vector<Index> places;
    for (Index j = 0; j < size; ++j) places.push_back(at + j);
    const double level = (predictor.matrix * point_.segment(at, size)).mean();
    if (std::abs(level) > kArrived) {
      Vector start = point_;
      start.segment(at, size) = landscape_.without_effects.segment(at, size);
      candidates_.push_back({Look::Kind::shift, places, start});
      return;
    }
    for (const double sign : {1.0, -1.0}) {
      Vector start = point_;
      start.segment(at, size) += sign * kShift * constant;
      grow_scales(start);
      candidates_.push_back({Look::Kind::shift, places, start});
    }
  }

  void grow_scales(Vector& start) const {
    for (const ScaleGroup& group : groups_)
      for (const Index p : group.places)
        start[p] = at_zero(group) ? (p == group.lead() ? kNear * group.unit : 0.0) : kGrowth * start[p];
  }

  void add_without_effects() {
    if (landscape_.without_effects.size() == 0) return;
    std::vector<Index> all;
    for (const ScaleGroup& group : groups_) all.push_back(group.reported);
    candidates_.push_back({Look::Kind::zero, all, landscape_.without_effects});
  }

  const Landscape& landscape_;
  const Vector& point_;
  Matrix covariance_;
  double value_;
  bool fine_;  ///< random effects could take a dispersion's place
  std::vector<ScaleGroup> groups_;
  std::vector<Candidate> candidates_;
};

}  // namespace

BoundaryReport look_around(const Landscape& landscape, BoundaryReport found, std::vector<Look>& record) {
  for (int round = 0; round < kMaxRounds; ++round) {
    bool better = false;
    for (Candidate& candidate : Looks(landscape, found).candidates()) {
      BoundaryReport other = landscape.search(candidate.start, found.optimizer.value - kBetter);
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
