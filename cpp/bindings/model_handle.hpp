#pragma once
// What Python holds of a model: the model and the layouts that its refits share.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ranef/fit.hpp"

namespace ranef::bindings {

namespace py = pybind11;
using Floats = py::array_t<double, py::array::c_style | py::array::forcecast>;
using FortranFloats = py::array_t<double, py::array::f_style | py::array::forcecast>;
// Never cast by force, which would turn 0.5 and 2^32 into zero.
using Ints = py::array_t<int, py::array::c_style>;
using Bools = py::array_t<bool, py::array::c_style>;

/// One linear predictor as Python gave it: arrays are copied once, into the model that is built.
struct PredictorHandle {
  FortranFloats matrix;
  std::optional<Floats> offset;

  PredictorInput input() const;
};

/// One random term as Python gave it.
struct TermHandle {
  int predictor;
  std::string structure;
  Ints levels;
  int level_count;
  std::optional<Floats> basis;
  std::optional<Ints> column;
  int column_count;

  RandomTermInput input() const;
};

struct ModelHandle {
  explicit ModelHandle(Model built) : model(std::move(built)) {}

  Model model;
  mutable Layouts layouts;
};

/// A fit, with what it was made with: parameters held, and how modes are found.
struct FitHandle {
  FitReport report;
  std::vector<bool> fixed;
  InnerOptions inner;
};

inline std::vector<int> to_ints(const Ints& array) { return {array.data(), array.data() + array.size()}; }

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

inline PredictorInput PredictorHandle::input() const {
  PredictorInput out;
  out.matrix = Eigen::Map<const Matrix>(matrix.data(), matrix.shape(0), matrix.shape(1));
  if (offset) out.offset = to_vector(*offset);
  return out;
}

inline RandomTermInput TermHandle::input() const {
  RandomTermInput out;
  out.predictor = predictor;
  out.structure = structure;
  out.levels = to_ints(levels);
  out.level_count = level_count;
  out.column_count = column_count;
  if (basis) out.basis = Eigen::Map<const RowMatrix>(basis->data(), basis->shape(0), basis->shape(1));
  if (column) out.column = to_ints(*column);
  return out;
}

}  // namespace ranef::bindings
