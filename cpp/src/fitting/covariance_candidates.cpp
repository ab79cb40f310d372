#include <algorithm>
#include <cmath>

#include "look_candidates.hpp"

namespace ranef {

namespace {

/// Scales this many standard errors away from zero need no look at zero, those twice as far none at larger ones.
constexpr double kClear = 2.0;
/// A correlation with a standard error below this needs no look at others, unless it has reached this share of its
/// range.
constexpr double kKnownCorrelation = 0.25, kAtEnd = 0.98;
/// Scales at zero are looked at where they are raised and here, in ordinary ones; the two values decide whether the
/// likelihood falls all the way.
constexpr double kFar = 2.0;
/// A look whose values fall short by more than this and go on falling is not followed.
constexpr double kLost = 2.0;
/// A single scale is looked at at zero if the value there falls short by less than this.
constexpr double kNearlyAsGood = 1.0;
/// Looks at correlations: shares of their range, and how far from the present value they are others.
constexpr double kStrongCorrelation = 0.8, kOtherCorrelation = 0.5;
/// Effects of an unstructured term up to which correlations are looked at.
constexpr Index kMostEffects = 3;
/// Scales outside this range, in ordinary ones, are ordinary where a correlation is looked at.
constexpr double kSmall = 0.2, kLarge = 20.0;
/// By what scales of binary responses grow in a look, and the mean's coefficients with them.
constexpr double kEnlarged = 4.0, kAttenuation = 2.0;

class CovarianceCandidates {
 public:
  explicit CovarianceCandidates(const FoundOptimum& found) : found_(found), point_(found.point()) {}

  std::vector<Candidate> all() {
    add_zeros();
    add_raised();
    if (found_.fine() && found_.has_few_parameters() && has_binary_response()) add_enlarged();
    Index first = found_.landscape().theta_first;
    for (const RandomTerm& term : found_.model().terms()) {
      if (term.covariance->width() * term.covariance->series() > 1) add_correlations(term, first);
      first += term.covariance->parameter_count();
    }
    return std::move(candidates_);
  }

 private:
  bool uncertain(const ScaleGroup& group, double clear) const {
    return !found_.at_zero(group) && std::abs(point_[group.lead()]) < clear * found_.error(group.lead());
  }

  /// Uncertain scales at zero, one by one and together.
  void add_zeros() {
    std::vector<Index> all;
    Vector together = point_;
    for (const ScaleGroup& group : found_.groups()) {
      if (!uncertain(group, kClear)) continue;
      Vector start = point_;
      for (const Index p : group.places) start[p] = together[p] = 0.0;
      if (found_.landscape().value(start) < found_.value() + kNearlyAsGood)
        candidates_.push_back({Look::Kind::zero, {group.reported}, start});
      all.push_back(group.reported);
    }
    if (all.size() > 1 && found_.landscape().value(together) < found_.value() + kLost)
      candidates_.push_back({Look::Kind::zero, all, together});
  }

  /// Scales at zero raised, one by one where the likelihood does not fall all the way, and together.
  void add_raised() {
    std::vector<Index> all;
    Vector together = point_;
    for (const ScaleGroup& group : found_.groups()) {
      if (!found_.at_zero(group)) continue;
      Vector near = point_, far = point_;
      near[group.lead()] = kRaised * group.unit;
      far[group.lead()] = kFar * group.unit;
      const double at_near = found_.landscape().value(near), at_far = found_.landscape().value(far);
      const double best = std::min(at_near, at_far);
      if (std::isfinite(best) && (best < found_.value() + kLost || at_far < at_near))
        candidates_.push_back({Look::Kind::raised, {group.reported}, at_far < at_near ? far : near});
      together[group.lead()] = group.unit;
      all.push_back(group.reported);
    }
    if (all.size() > 1) candidates_.push_back({Look::Kind::raised, all, together});
  }

  bool has_binary_response() const {
    const Vector& y = found_.model().response();
    return (y.array() == 0.0 || y.array() == 1.0).all();
  }

  /// Larger scales of the mean: binary responses hardly tell them apart where levels have few rows.
  void add_enlarged() {
    const Index mean = found_.landscape().coefficient_offset[0];
    std::vector<Index> all;
    Vector attenuated = point_;
    if (mean >= 0) attenuated.segment(mean, found_.model().predictors()[0].columns()) *= kAttenuation;
    Vector together = attenuated;
    for (const ScaleGroup& group : found_.groups()) {
      if (!uncertain(group, 2.0 * kClear)) continue;
      Vector start = attenuated;
      for (const Index p : group.places) start[p] = together[p] = kEnlarged * point_[p];
      candidates_.push_back({Look::Kind::raised, {group.reported}, start});
      all.push_back(group.reported);
    }
    if (all.size() > 1) candidates_.push_back({Look::Kind::raised, all, together});
  }

  /// Where the search ended at an end of the correlations' range, or knows little of the only one: correlations of
  /// either sign, and none.
  void add_correlations(const RandomTerm& term, Index first) {
    const Covariance& covariance = *term.covariance;
    const Vector theta = point_.segment(first, covariance.parameter_count());
    const bool several = covariance.basis_freedom() == BasisFreedom::full;
    if (several && (covariance.width() > kMostEffects || covariance.null_directions(theta).empty())) return;
    const Index sds = standard_deviation_count(covariance);
    if (sds == theta.size()) return;
    const Matrix basis = Matrix::Identity(covariance.width(), covariance.width());
    Vector values = covariance.report(theta, basis);
    const double lowest = covariance.series() > 1 ? -1.0 : -1.0 / (covariance.width() - 1);
    const double now = values[sds];
    const bool at_end = several || !covariance.undetermined(theta).empty() || now > kAtEnd || now < kAtEnd * lowest;
    if (!at_end && error_of_only_correlation(covariance, theta, basis, first) < kKnownCorrelation) return;
    const bool moved = make_ordinary(values.head(sds), term.predictor == 0 ? found_.landscape().unit : 1.0);
    for (const double target : {kStrongCorrelation * lowest, 0.0, kStrongCorrelation}) {
      if (!several && !moved && std::abs(target - now) < kOtherCorrelation * -lowest) continue;
      if (target == 0.0 && !at_end) continue;
      values.tail(values.size() - sds).setConstant(target);
      Vector start = point_;
      start.segment(first, theta.size()) = covariance.from_report(values, basis);
      candidates_.push_back({Look::Kind::correlation, {first + sds}, start});
    }
  }

  double error_of_only_correlation(const Covariance& covariance, const Vector& theta, const Matrix& basis,
                                   Index first) const {
    const Index place = theta.size() - 1;
    return found_.error(first + place) * std::abs(covariance.report_jacobian(theta, basis)(place, place));
  }

  /// Raises small standard deviations and lowers huge ones. True if there were any.
  static bool make_ordinary(Eigen::Ref<Vector> sds, double unit) {
    bool out = false;
    for (double& sd : sds) {
      out = out || sd < kSmall * unit || sd > kLarge * unit;
      sd = sd > kLarge * unit ? unit : std::max(sd, kRaised * unit);
    }
    return out;
  }

  const FoundOptimum& found_;
  const Vector& point_;
  std::vector<Candidate> candidates_;
};

}  // namespace

Index standard_deviation_count(const Covariance& covariance) {
  Index out = 0;
  for (const ReportedParameter& p : covariance.reported_parameters()) out += p.kind == ReportedParameter::Kind::sd;
  return out;
}

std::vector<Candidate> covariance_candidates(const FoundOptimum& found) { return CovarianceCandidates(found).all(); }

}  // namespace ranef
