#pragma once
// Shapes of what Python hands over, checked once at the border: the core takes them for granted.

#include <pybind11/numpy.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model_handle.hpp"
#include "ranef/fitted_model.hpp"

namespace ranef::bindings {

inline void check_length(const std::string& what, Index found, Index expected, const char* of) {
  if (found != expected)
    throw std::invalid_argument(what + " has length " + std::to_string(found) + ", " + of + " " +
                                std::to_string(expected));
}

inline void check_vector(const std::string& what, const py::array& array) {
  if (array.ndim() != 1)
    throw std::invalid_argument(what + " must have one dimension, not " + std::to_string(array.ndim()));
}

inline void check_vector(const std::string& what, const py::array& array, Index expected, const char* of) {
  check_vector(what, array);
  check_length(what, array.shape(0), expected, of);
}

/// As long as the model has parameters.
inline void check_parameters(const Model& model, const char* what, const py::array& array) {
  check_vector(what, array, ParameterMap(model).size(), "the parameters");
}

/// A fit of the model's own, or of one of the same shapes: everything in it is indexed by them.
inline void check_result(const Model& model, const FitHandle& fit) {
  const FitReport& report = fit.report;
  if (report.termination == Termination::no_start) throw std::invalid_argument("the fit did not start");
  check_length("the fit", report.values.size(), ParameterMap(model).size(), "the parameters");
  check_length("its predictors", static_cast<Index>(report.coefficients.size()),
               static_cast<Index>(model.predictors().size()), "the model's");
  for (std::size_t k = 0; k < report.coefficients.size(); ++k)
    check_length("its coefficients", report.coefficients[k].size(), model.predictors()[k].columns(), "the model's");
  check_length("its terms", static_cast<Index>(report.effects.size()), static_cast<Index>(model.terms().size()),
               "the model's");
  for (std::size_t t = 0; t < report.effects.size(); ++t)
    check_length("its effects", report.effects[t].size(),
                 Index(model.terms()[t].level_count) * model.terms()[t].user_width(), "the model's");
}

inline void check_matrix(const std::string& what, Index rows, Index columns, Index expected_rows,
                         Index expected_columns) {
  if (rows != expected_rows || columns != expected_columns)
    throw std::invalid_argument(what + " is " + std::to_string(rows) + " x " + std::to_string(columns) + ", not " +
                                std::to_string(expected_rows) + " x " + std::to_string(expected_columns));
}

inline void check_range(const char* what, const std::vector<int>& values, int first, int count) {
  for (const int value : values)
    if (value < first || value >= count)
      throw std::invalid_argument(std::string("a ") + what + " out of range: " + std::to_string(value) + " of " +
                                  std::to_string(count));
}

/// The rows of one term: levels from `first_level` on, and the basis or columns that its width asks for.
inline void check_term_rows(const std::vector<int>& levels, const RowMatrix& basis, const std::vector<int>& column,
                            Index rows, int first_level, int level_count, int width) {
  check_length("levels", static_cast<Index>(levels.size()), rows, "the rows");
  check_range("level", levels, first_level, level_count);
  if (!column.empty()) {
    check_length("column", static_cast<Index>(column.size()), rows, "the rows");
    check_range("column", column, 0, width);
  } else if (basis.size() > 0 || width > 1) {
    check_matrix("basis", basis.rows(), basis.cols(), rows, width);
  }
}

/// New rows of a model's linear predictors.
inline void check_new_rows(const Model& model, const std::vector<Matrix>& matrices, const std::vector<NewTerm>& terms) {
  check_length("predictors", static_cast<Index>(matrices.size()), static_cast<Index>(model.predictors().size()),
               "the model's");
  check_length("terms", static_cast<Index>(terms.size()), static_cast<Index>(model.terms().size()), "the model's");
  const Index rows = matrices[0].rows();
  for (std::size_t k = 0; k < matrices.size(); ++k)
    check_matrix("matrix " + std::to_string(k), matrices[k].rows(), matrices[k].cols(), rows,
                 model.predictors()[k].columns());
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const RandomTerm& design = model.terms()[t];
    const NewTerm& term = terms[t];
    if (!term.included) continue;
    if (design.series > 1) check_length("column", static_cast<Index>(term.column.size()), rows, "the rows");
    check_term_rows(term.levels, term.basis, term.column, rows, -2, design.level_count,
                    static_cast<int>(design.user_width()));
  }
}

}  // namespace ranef::bindings
