#pragma once
// From an optimiser's end to what a user is told: shared by the two kinds of fit.

#include <vector>

#include "certificate.hpp"
#include "ranef/fit.hpp"

namespace ranef {

/// Coefficients of the user's columns, from those of the model's.
std::vector<Vector> user_coefficients(const Model& model, const std::vector<Vector>& ours);
/// Random effects of the user's columns, from those of the model's.
TermVectors user_effects(const Model& model, TermVectors effects);
/// Parameters of `values` that a zero variance fixes or leaves undetermined.
std::vector<Index> reported_zeros(const Model& model, const ParameterMap& map, const Vector& point,
                                  const std::vector<Index>& held);
/// Parameters of `values` at the end of their range.
std::vector<Index> reported_limits(const Model& model, const ParameterMap& map, const Vector& point);
/// Terms of correlated effects whose covariance has not full rank, judged in the model's orthonormal columns: neither
/// the origin nor the unit of the user's matters.
std::vector<Index> deficient_terms(const Model& model, const ParameterMap& map, const Vector& point);
/// A certificate in terms of the reported parameters.
CurvatureReport report_curvature(const ParameterMap& map, const Vector& point, const AffineSpace& space,
                                 const Certificate& certificate, const std::vector<Index>& at_zero);
void copy_optimizer(const BoundaryReport& from, FitReport& to);

FitReport fit_profiled(const Model& model, Layouts& layouts, const FitRequest& request);
FitReport fit_laplace(const Model& model, Layouts& layouts, const FitRequest& request);

}  // namespace ranef
