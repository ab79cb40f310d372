#include <algorithm>
#include <cmath>

#include "look_candidates.hpp"

namespace ranef {

namespace {

/// A linear predictor needs no look if it has a standard error below this in some row.
constexpr double kKnownPredictor = 0.45;
/// How far a linear predictor is shifted towards its limit, and beyond which level it has arrived there.
constexpr double kShift = 5.0, kArrived = 10.0;
/// By what a dispersion at its limit leaves to the random effects they grow.
constexpr double kGrowth = 1.4;
/// A slope that is steep, and by how many standard errors one is certain.
constexpr double kSteep = 3.0, kClearSlope = 2.5;
/// A parting is not followed whose value falls short by more than this; and how many of a column's values are parted
/// from the others at most.
constexpr double kPartingLoss = 60.0;
constexpr int kLongestRun = 10;
/// Values of a column that differ by less than this, in its root mean squares, are the same.
constexpr double kSameValue = 1e-8;

/// The looks at one linear predictor.
class PredictorCandidates {
 public:
  PredictorCandidates(const FoundOptimum& found, std::size_t k)
      : found_(found),
        predictor_(found.model().predictors()[k]),
        at_(found.landscape().coefficient_offset[k]),
        size_(predictor_.columns()) {}

  void add_to(std::vector<Candidate>& out) {
    if (at_ < 0 || size_ == 0) return;
    candidates_ = &out;
    constant_ = predictor_.matrix.colwise().mean();  // of orthogonal columns of mean square one
    const bool open = found_.fine() || !is_known();
    if (open) add_shifts();
    for (Index j = 0; j < size_; ++j) {
      if (is_certain(j)) continue;
      Vector sorted = predictor_.matrix.col(j);
      std::sort(sorted.begin(), sorted.end());
      if (sorted[sorted.size() - 1] - sorted[0] < kSameValue) continue;
      if (open) add_reversal(j);
      if (open || !has_two_values(sorted)) add_partings(j, sorted);
    }
  }

 private:
  /// Both limits, or, where the predictor has reached one, back inside.
  void add_shifts() {
    const double level = (predictor_.matrix * found_.point().segment(at_, size_)).mean();
    if (std::abs(level) > kArrived) {
      Vector start = found_.point();
      start.segment(at_, size_) = found_.landscape().without_effects.segment(at_, size_);
      make_room(start);
      return add(start);
    }
    for (const double sign : {1.0, -1.0}) {
      Vector start = found_.point();
      start.segment(at_, size_) += sign * kShift * constant_;
      make_room(start);
      add(start);
    }
  }

  bool is_known() const {
    const Matrix covariance = found_.covariance().block(at_, at_, size_, size_);
    const Vector variance = (predictor_.matrix * covariance).cwiseProduct(predictor_.matrix).rowwise().sum();
    return variance.minCoeff() < kKnownPredictor * kKnownPredictor;
  }

  /// Random effects that can take what a dispersion leaves.
  void make_room(Vector& start) const {
    for (const ScaleGroup& group : found_.groups())
      for (const Index p : group.places)
        start[p] = found_.at_zero(group) ? (p == group.lead() ? kRaised * group.unit : 0.0) : kGrowth * start[p];
    Index first = found_.landscape().theta_first;
    for (const RandomTerm& term : found_.model().terms()) {
      const Index count = term.covariance->parameter_count();
      const Vector inside = term.covariance->start(1.0);
      for (const int p : term.covariance->at_limit(found_.point().segment(first, count))) start[first + p] = inside[p];
      first += count;
    }
  }

  bool is_certain(Index j) const { return std::abs(found_.point()[at_ + j]) > kClearSlope * found_.error(at_ + j); }

  /// Neither level of a factor of two is extreme.
  static bool has_two_values(const Vector& sorted) {
    return std::all_of(sorted.begin(), sorted.end(), [&](double value) {
      return std::min(value - sorted[0], sorted[sorted.size() - 1] - value) < kSameValue;
    });
  }

  /// A steep slope of the other sign.
  void add_reversal(Index j) {
    Vector start = found_.point();
    start[at_ + j] = start[at_ + j] > 0.0 ? -kSteep : kSteep;
    add(start);
  }

  /// The rows with a column's extreme values at one limit, all others at the other: where extreme rows are all zeros,
  /// zero inflation can be theirs alone.
  void add_partings(Index j, const Vector& sorted) {
    const Vector reversed = -sorted.reverse();
    for (const double limit : {1.0, -1.0})
      for (const double sign : {1.0, -1.0}) {
        const Vector& values = sign > 0.0 ? sorted : reversed;
        if (add_parting(found_.point(), j, sign, values, limit))
          add_parting(found_.landscape().without_effects, j, sign, values, limit);
      }
  }

  /// The best of the partings of `sign` times column j, whose sorted values are given: the first values' rows at
  /// `limit`. False if there is none.
  bool add_parting(const Vector& base, Index j, double sign, const Vector& sorted, double limit) {
    Vector best;
    double best_value = found_.value() + kPartingLoss;
    Index row = 0;
    for (int run = 0; run < kLongestRun; ++run, ++row) {
      while (row + 1 < sorted.size() && sorted[row + 1] - sorted[row] < kSameValue) ++row;
      if (row + 1 == sorted.size()) break;
      const double threshold = 0.5 * (sorted[row] + sorted[row + 1]);
      const double slope = 2.0 * kArrived * limit / (sorted[row + 1] - sorted[row]);
      Vector start = base;
      start.segment(at_, size_) = slope * threshold * constant_;
      start[at_ + j] -= slope * sign;
      const double value = found_.landscape().value(start);
      if (!(value < best_value)) break;
      best_value = value;
      best = std::move(start);
    }
    if (best.size() > 0) add(best);
    return best.size() > 0;
  }

  void add(const Vector& start) {
    std::vector<Index> places;
    for (Index i = 0; i < size_; ++i) places.push_back(at_ + i);
    candidates_->push_back({Look::Kind::shift, std::move(places), start});
  }

  const FoundOptimum& found_;
  const LinearPredictor& predictor_;
  Index at_, size_;
  Vector constant_;
  std::vector<Candidate>* candidates_ = nullptr;
};

}  // namespace

std::vector<Candidate> predictor_candidates(const FoundOptimum& found) {
  std::vector<Candidate> out;
  for (std::size_t k = 1; k < found.landscape().coefficient_offset.size(); ++k)
    PredictorCandidates(found, k).add_to(out);
  return out;
}

}  // namespace ranef
