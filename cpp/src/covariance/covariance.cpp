#include "ranef/covariance/covariance.hpp"

#include <stdexcept>

#include "ranef/covariance/autoregressive.hpp"
#include "ranef/covariance/compound_symmetry.hpp"
#include "ranef/covariance/diagonal.hpp"
#include "ranef/covariance/unstructured.hpp"

namespace ranef {

std::shared_ptr<const Covariance> make_covariance(const std::string& name, int columns) {
  if (name == "us" || (name == "cs" && columns == 1))
    return std::make_shared<CovarianceOf<Unstructured>>(Unstructured{columns});
  if (name == "diag") return std::make_shared<CovarianceOf<Diagonal>>(Diagonal{columns});
  if (name == "homdiag") return std::make_shared<CovarianceOf<HomogeneousDiagonal>>(HomogeneousDiagonal{columns});
  if (name == "cs") return std::make_shared<CompoundSymmetryCovariance>(CompoundSymmetry{columns});
  if (name == "ar1") return std::make_shared<AutoregressiveCovariance>(Autoregressive{columns});
  throw std::invalid_argument("covariance structure '" + name + "': expected us, diag, homdiag, cs or ar1");
}

}  // namespace ranef
