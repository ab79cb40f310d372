#pragma once
// Profile likelihood: the best log-likelihood with one reported parameter held, as a function of that parameter.
//
//     zeta(x) = sign(x - x^) sqrt(2 (log L^ - max log L given x)),
//
// standard normal, to the order of the likelihood ratio, at the true x: an interval's ends are where |zeta| = z (Bates
// and Watts 1988, chapter 6). Every held parameter leaves an affine space free, so that a point of the profile is an
// ordinary fit in fewer coordinates, started from its neighbours:
//
//     coefficient                    a linear equation in the orthogonal columns' coefficients (a Gaussian model keeps
//                                    them profiled out, and the equation enters its residual sum of squares)
//     sd of effect i, unstructured   with effect i first, its sd is the first entry of the Cholesky factor L
//     correlation of i and j         with i and j first, L_10 = r s and L_11 = sqrt(1 - r^2) s, s free and >= 0
//     any other                      a coordinate of theta

#include <string>
#include <vector>

#include "ranef/fit.hpp"

namespace ranef {

struct ProfileRequest {
  FitOptions options;
  Vector estimate;              ///< values at the maximum
  double loglik = 0.0;          ///< and its log-likelihood
  std::vector<bool> fixed;      ///< parameters held throughout, or empty
  Index parameter = 0;          ///< whose profile is wanted
  double unit = 1.0;            ///< change of it that is expected to change zeta by one: a standard error
  double cutoff = 0.0;          ///< trace until |zeta| passes this; zero: no trace
  double zeta_step = 0.3;       ///< wanted between points of the trace
  std::vector<double> targets;  ///< values of zeta for which the parameter is to be found
  std::function<void()> poll;
};

struct ProfilePoint {
  bool ok = false;
  double zeta = 0.0;
  double loglik = 0.0;
  Vector values;
};

/// Where zeta takes a target value.
struct ProfileEnd {
  enum class Kind {
    found,
    limit,      ///< the parameter's range ends before
    unbounded,  ///< zeta levels off before
    failed      ///< no fit with the parameter held there
  } kind = Kind::failed;
  double value = 0.0;
};

struct ProfileReport {
  std::vector<ProfilePoint> points;  ///< by increasing value of the parameter
  std::vector<ProfileEnd> ends;      ///< one a target
  ProfilePoint better;               ///< a point with a higher log-likelihood than the estimate's, if one was met
  std::string failure;               ///< why the last point without a fit had none
};

/// Throws std::invalid_argument where the fixed effects of the mean are no parameters (REML).
ProfileReport profile(const Model& model, Layouts& layouts, const ProfileRequest& request);

}  // namespace ranef
