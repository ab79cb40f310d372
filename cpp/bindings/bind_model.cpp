// The unfitted model: data in, parameters and likelihood out.

#include <pybind11/stl.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "checks.hpp"
#include "model_handle.hpp"
#include "options.hpp"
#include "ranef/family/likelihood.hpp"

namespace {

namespace py = pybind11;
using namespace ranef::bindings;
using ranef::Index;
using ranef::Matrix;
using ranef::Vector;

PredictorHandle make_predictor(const FortranFloats& matrix, const std::optional<Floats>& offset) {
  if (matrix.ndim() != 2) throw std::invalid_argument("matrix must have two dimensions");
  if (offset) check_vector("offset", *offset, matrix.shape(0), "the matrix");
  return {matrix, offset};
}

TermHandle make_term(int predictor, const std::string& structure, const Ints& levels, int n_levels,
                     const std::optional<Floats>& basis, const std::optional<Ints>& column, int n_columns) {
  check_vector("levels", levels);
  if (basis && column) throw std::invalid_argument("a term has a basis or a column, not both");
  if (basis && basis->ndim() != 2) throw std::invalid_argument("basis must have two dimensions");
  if (basis && (basis->shape(0) != levels.size() || basis->shape(1) < 1))
    throw std::invalid_argument("basis is " + std::to_string(basis->shape(0)) + " x " +
                                std::to_string(basis->shape(1)) + " beside " + std::to_string(levels.size()) +
                                " levels: a row for each, and at least one column");
  if (column) check_vector("column", *column, levels.size(), "levels");
  const Index width = basis ? basis->shape(1) : Index(n_columns);
  if (n_levels < 1 || n_columns < 1 || Index(n_levels) * width > std::numeric_limits<int>::max())
    throw std::invalid_argument("a term of " + std::to_string(n_levels) + " levels and " + std::to_string(width) +
                                " columns");
  return {predictor, structure, levels, n_levels, basis, column, n_columns};
}

void check_shapes(const ranef::ModelInput& input) {
  const Index rows = input.response.size();
  if (rows == 0 || input.predictors.empty()) throw std::invalid_argument("a model needs rows and predictors");
  check_length("predictors", static_cast<Index>(input.predictors.size()), input.likelihood->predictor_count(),
               "the likelihood's");
  for (const auto& predictor : input.predictors) {
    check_length("matrix", predictor.matrix.rows(), rows, "the response");
  }
  for (const auto& term : input.terms) {
    if (term.predictor < 0 || term.predictor >= static_cast<int>(input.predictors.size()))
      throw std::invalid_argument("a term belongs to predictor " + std::to_string(term.predictor) + " of " +
                                  std::to_string(input.predictors.size()));
    const int width = !term.column.empty() ? term.column_count : std::max(1, static_cast<int>(term.basis.cols()));
    check_term_rows(term.levels, term.basis, term.column, rows, 0, term.level_count, width);
  }
}

std::unique_ptr<ModelHandle> make_model(const std::shared_ptr<ranef::Likelihood>& likelihood, const Floats& response,
                                        const std::vector<PredictorHandle>& predictors,
                                        const std::vector<TermHandle>& terms, const std::optional<Floats>& trials,
                                        const std::optional<Floats>& weights, bool reml, bool joint,
                                        const std::optional<ranef::DenseKernels>& kernels) {
  check_vector("response", response);
  if (trials) check_vector("trials", *trials, response.size(), "the response");
  if (weights) check_vector("weights", *weights, response.size(), "the response");
  ranef::ModelInput input;
  input.likelihood = likelihood;
  input.response = to_vector(response);
  for (const PredictorHandle& predictor : predictors) input.predictors.push_back(predictor.input());
  for (const TermHandle& term : terms) input.terms.push_back(term.input());
  if (trials) input.trials = to_vector(*trials);
  if (weights) input.weights = to_vector(*weights);
  input.reml = reml;
  input.joint = joint;
  if (kernels) input.kernels = *kernels;
  check_shapes(input);
  const py::gil_scoped_release release;  // nothing below touches Python
  return std::make_unique<ModelHandle>(ranef::Model(std::move(input)));
}

Vector checked_values(const ModelHandle& handle, const Floats& values) {
  check_parameters(handle.model, "values", values);
  return to_vector(values);
}

const char* kind_name(ranef::Parameter::Kind kind) {
  switch (kind) {
    case ranef::Parameter::Kind::coefficient:
      return "beta";
    case ranef::Parameter::Kind::sd:
      return "sd";
    default:
      return "cor";
  }
}

/// What a random term of `columns` columns is reported as: kind, row and column of each parameter.
std::vector<std::tuple<std::string, int, int>> covariance_parameters(const std::string& structure, int columns) {
  constexpr int kMost = 30000;  // more have more correlations than an int counts
  if (columns < 1 || columns > kMost)
    throw std::invalid_argument("a random term has 1 to " + std::to_string(kMost) + " columns, not " +
                                std::to_string(columns));
  std::vector<std::tuple<std::string, int, int>> out;
  for (const ranef::ReportedParameter& p : ranef::make_covariance(structure, columns)->reported_parameters())
    out.emplace_back(p.kind == ranef::ReportedParameter::Kind::sd ? "sd" : "cor", p.row, p.col);
  return out;
}

}  // namespace

void bind_model(py::module_& module);

void bind_model(py::module_& module) {
  py::class_<Options>(module, "Options", "How a fit is computed.")
      .def(py::init<>())
      .def_readwrite("max_iterations", &Options::max_iterations)
      .def_readwrite("gain_tolerance", &Options::gain_tolerance)
      .def_readwrite("inner_tolerance", &Options::inner_tolerance)
      .def_readwrite("max_inner_iterations", &Options::max_inner_iterations);

  py::class_<PredictorHandle>(module, "Predictor", "Fixed effects and offset of one linear predictor.")
      .def(py::init(&make_predictor), py::arg("matrix"), py::arg("offset") = py::none());

  py::class_<TermHandle>(module, "Term", "One random term.")
      .def(py::init(&make_term), py::arg("predictor"), py::arg("structure"), py::arg("levels"), py::arg("n_levels"),
           py::arg("basis") = py::none(), py::arg("column") = py::none(), py::arg("n_columns") = 1);

  py::class_<ranef::Parameter>(module, "ParameterInfo", "What one entry of the parameter vector is.")
      .def_property_readonly("kind", [](const ranef::Parameter& p) { return kind_name(p.kind); })
      .def_readonly("owner", &ranef::Parameter::owner)
      .def_readonly("row", &ranef::Parameter::row)
      .def_readonly("col", &ranef::Parameter::col);

  py::class_<ModelHandle>(module, "Model", "Likelihood, data and random terms; immutable.")
      .def(py::init(&make_model), py::arg("likelihood").none(false), py::arg("response"), py::arg("predictors"),
           py::arg("terms"), py::arg("trials") = py::none(), py::arg("weights") = py::none(), py::arg("reml") = false,
           py::arg("joint") = false, py::arg("kernels") = py::none())
      .def_property_readonly("parameters",
                             [](const ModelHandle& handle) { return ranef::ParameterMap(handle.model).parameters(); })
      .def("start",
           [](const ModelHandle& handle) { return to_array(ranef::starting_values(handle.model, handle.layouts)); })
      .def(
          "loglik",
          [](const ModelHandle& handle, const Floats& values, const Options& options) {
            const Vector at = checked_values(handle, values);
            const py::gil_scoped_release release;
            return ranef::log_likelihood(handle.model, handle.layouts, at, options.core().inner, signal_poll());
          },
          py::arg("values"), py::arg("options") = Options())
      .def(
          "gradient",
          [](const ModelHandle& handle, const Floats& values, const Options& options) {
            const Vector at = checked_values(handle, values);
            return to_array([&] {
              const py::gil_scoped_release release;
              return ranef::log_likelihood_gradient(handle.model, handle.layouts, at, options.core().inner,
                                                    signal_poll());
            }());
          },
          py::arg("values"), py::arg("options") = Options());

  module.def("covariance_parameters", &covariance_parameters, py::arg("structure"), py::arg("columns"));
  module.def(
      "independent_columns",
      [](const FortranFloats& matrix, double tolerance) {
        if (matrix.ndim() != 2) throw std::invalid_argument("matrix must have two dimensions");
        const Eigen::Map<const Matrix> view(matrix.data(), matrix.shape(0), matrix.shape(1));
        const std::vector<int> kept = ranef::independent_columns(view, tolerance);
        return py::array_t<int>(static_cast<py::ssize_t>(kept.size()), kept.data());
      },
      py::arg("matrix"), py::arg("tolerance") = 1e-7);
}
