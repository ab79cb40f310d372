#pragma once
// What proves that a search ended at an optimum, and what the curvature there leaves undetermined.

#include <vector>

#include "ranef/model/parameters.hpp"
#include "ranef/optimize/difference_hessian.hpp"
#include "ranef/optimize/free_coordinates.hpp"

namespace ranef {

/// Second derivatives at the end of a search, in its free coordinates, and what they say.
struct Certificate {
  bool ok = false;        ///< the objective has values all around
  bool positive = false;  ///< no direction in which it falls
  Matrix hessian;
  Matrix covariance;    ///< inverse of the Hessian on the directions in which it is not flat
  Vector eigenvalues;   ///< of the Hessian in ordinary units: one is ordinary
  Vector scale;         ///< the ordinary unit of every coordinate
  Matrix eigenvectors;  ///< that belong to them, by columns, each coordinate in its unit
  Index flat = 0;       ///< how many of them are flat, the first
  double gain = 0.0;    ///< what a Newton step would still gain
};

/// `unit`: an ordinary length, one a coordinate; steps go no further than some of it.
Certificate certify(RestrictedObjective& objective, const Vector& free, const Vector& unit, Differences kind);

/// The natural unit of every coordinate of a point: the mean's for its coefficients and random effects, else one.
Vector natural_units(const Model& model, const ParameterMap& map, double mean_unit);

// `jacobian`: of the reported parameters in the coordinates of a certificate.

/// The ordinary unit of every reported parameter: how far it moves where each coordinate moves by its own.
Vector reported_units(const Matrix& jacobian, const Certificate& certificate);

/// The eigenvectors in the reported parameters, each in its unit. A rotation of a covariance's root moves none of them.
Matrix reported_eigenvectors(const Matrix& jacobian, const Certificate& certificate);

/// Reported parameters that take part in the flat directions.
std::vector<Index> flat_parameters(const Matrix& jacobian, const Certificate& certificate);

}  // namespace ranef
