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
  Matrix eigenvectors;  ///< unit directions that belong to them, by columns
  Matrix flat;          ///< unit directions along which the objective does not change, by columns
  double gain = 0.0;    ///< what a Newton step would still gain
};

/// `unit`: an ordinary length, one a coordinate; steps go no further than some of it.
Certificate certify(RestrictedObjective& objective, const Vector& free, const Vector& unit, Differences kind);

/// The natural unit of every coordinate of a point: the mean's for its coefficients and random effects, else one.
Vector natural_units(const Model& model, const ParameterMap& map, double mean_unit);

/// The natural unit of every reported parameter, from those of a point: how far it moves where each of them moves by
/// its own.
Vector reported_units(const Matrix& jacobian, const Vector& units);

/// How the reported parameters move along directions (columns, in the coordinates of a point, whose natural units are
/// `units`) of an ordinary length, each in its own unit.
Matrix reported_movement(const Matrix& jacobian, const Matrix& directions, const Vector& units);

/// Reported parameters that move along the flat directions. A rotation of a covariance's root moves none of them.
std::vector<Index> flat_parameters(const Matrix& jacobian, const Matrix& flat, const Vector& units);

}  // namespace ranef
