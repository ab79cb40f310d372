#pragma once
// What Python holds of a model: the model and the layouts that its refits share.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <vector>

#include "ranef/fit.hpp"

namespace ranef::bindings {

namespace py = pybind11;
using Floats = py::array_t<double, py::array::c_style | py::array::forcecast>;
using FortranFloats = py::array_t<double, py::array::f_style | py::array::forcecast>;
using Ints = py::array_t<int, py::array::c_style | py::array::forcecast>;

struct ModelHandle {
  explicit ModelHandle(Model built) : model(std::move(built)) {}

  Model model;
  mutable Layouts layouts;
};

/// A fit, with what its curvature must know.
struct FitHandle {
  FitReport report;
  std::vector<bool> fixed;
};

inline Vector to_vector(const Floats& array) {
  return Eigen::Map<const Vector>(array.data(), static_cast<Index>(array.size()));
}

inline py::array_t<double> to_array(const Vector& v) {
  return py::array_t<double>(static_cast<py::ssize_t>(v.size()), v.data());
}

inline py::array_t<double> to_array(const Matrix& m) {
  py::array_t<double, py::array::f_style> out({static_cast<py::ssize_t>(m.rows()), static_cast<py::ssize_t>(m.cols())});
  std::copy(m.data(), m.data() + m.size(), out.mutable_data());
  return out;
}

inline std::vector<int> to_ints(const Ints& array) { return {array.data(), array.data() + array.size()}; }

}  // namespace ranef::bindings
