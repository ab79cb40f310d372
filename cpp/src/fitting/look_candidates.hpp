#pragma once
// Places beside the end of a search where another maximum of the likelihood would be.

#include <vector>

#include "looks.hpp"

namespace ranef {

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
  double unit;     ///< an ordinary scale
  Index lead() const { return places.front(); }
};

/// The end of a search, with what is known there.
class FoundOptimum {
 public:
  FoundOptimum(const Landscape& landscape, const BoundaryReport& found);

  const Landscape& landscape() const { return landscape_; }
  const Model& model() const { return landscape_.model; }
  const Vector& point() const { return found_.point; }
  double value() const { return found_.optimizer.value; }
  const std::vector<ScaleGroup>& groups() const { return groups_; }
  /// Of the coordinates of a point, by the approximate information; zero for what the search held.
  const Matrix& covariance() const { return covariance_; }
  double error(Index place) const { return std::sqrt(covariance_(place, place)); }
  bool at_zero(const ScaleGroup& group) const;
  /// So many random effects that they could take the place of a dispersion, however well it is known beside them.
  bool fine() const { return fine_; }
  /// Where there are many, a look in each direction finds next to nothing and costs much.
  bool has_few_parameters() const;

 private:
  const Landscape& landscape_;
  const BoundaryReport& found_;
  Matrix covariance_;
  std::vector<ScaleGroup> groups_;
  bool fine_;
};

/// An ordinary scale that is well away from zero, in which scales at zero are raised.
inline constexpr double kRaised = 0.6;

/// How many of a structure's reported parameters are standard deviations; they come first.
Index standard_deviation_count(const Covariance& covariance);

/// Scales and correlations of the random effects.
std::vector<Candidate> covariance_candidates(const FoundOptimum& found);
/// Dispersion and zero inflation.
std::vector<Candidate> predictor_candidates(const FoundOptimum& found);

}  // namespace ranef
