// DenseKernels made of the LAPACK and BLAS that SciPy carries.
//
// Cython publishes each routine as a capsule whose name is its C signature, with `double` spelt as a type name of
// the publishing module (`__pyx_t_5scipy_6linalg_13cython_lapack_d`). The name is compared with the signature we
// call, so that a build of SciPy with 64-bit integers is refused rather than called wrongly.

#include <pybind11/pybind11.h>

#include <memory>
#include <regex>
#include <stdexcept>
#include <string>

#include "ranef/linalg/dense_kernels.hpp"

namespace py = pybind11;

namespace {

constexpr const char* kFactor = "void (char *, int *, double *, int *, int *)";
constexpr const char* kTriangularSolve =
    "void (char *, char *, char *, char *, int *, int *, double *, double *, int *, double *, int *)";
constexpr const char* kRankUpdate =
    "void (char *, char *, int *, int *, double *, double *, int *, double *, double *, int *)";
constexpr const char* kProduct =
    "void (char *, char *, int *, int *, int *, double *, double *, int *, double *, int *, double *, double *, int *)";
constexpr const char* kSymmetricProduct =
    "void (char *, char *, int *, int *, double *, double *, int *, double *, int *, double *, double *, int *)";

template <class Signature>
Signature* routine(const py::dict& capsules, const char* name, const std::string& expected) {
  if (!capsules.contains(name)) throw std::invalid_argument(std::string("no capsule named ") + name);
  const py::object entry = capsules[name];
  if (!PyCapsule_CheckExact(entry.ptr())) throw std::invalid_argument(std::string(name) + " is not a capsule");
  const char* const found = PyCapsule_GetName(entry.ptr());
  const std::string signature =
      std::regex_replace(found == nullptr ? "" : found, std::regex("__pyx_t_\\w*cython_(blas|lapack)_d\\b"), "double");
  if (signature != expected) {
    throw std::invalid_argument(std::string(name) + " has the signature '" + signature + "', expected '" + expected +
                                "'");
  }
  return reinterpret_cast<Signature*>(PyCapsule_GetPointer(entry.ptr(), found));
}

std::shared_ptr<ranef::DenseKernels> from_capsules(const py::dict& capsules) {
  using ranef::LapackRoutines;
  LapackRoutines lapack;
  lapack.dpotrf = routine<LapackRoutines::Factor>(capsules, "dpotrf", kFactor);
  lapack.dpotri = routine<LapackRoutines::Factor>(capsules, "dpotri", kFactor);
  lapack.dtrsm = routine<LapackRoutines::TriangularSolve>(capsules, "dtrsm", kTriangularSolve);
  lapack.dsyrk = routine<LapackRoutines::RankUpdate>(capsules, "dsyrk", kRankUpdate);
  lapack.dgemm = routine<LapackRoutines::Product>(capsules, "dgemm", kProduct);
  lapack.dsymm = routine<LapackRoutines::SymmetricProduct>(capsules, "dsymm", kSymmetricProduct);
  return std::make_shared<ranef::DenseKernels>(lapack);
}

}  // namespace

void bind_lapack(py::module_& module);

void bind_lapack(py::module_& module) {
  py::class_<ranef::DenseKernels, std::shared_ptr<ranef::DenseKernels>>(module, "DenseKernels",
                                                                        "Dense linear algebra of a model.")
      .def(py::init<>(), "Eigen's, compiled with this module.")
      .def_static("from_capsules", &from_capsules, py::arg("capsules"), "SciPy's, from its Cython capsules by name.")
      .def_property_readonly("uses_lapack", &ranef::DenseKernels::uses_lapack);
}
