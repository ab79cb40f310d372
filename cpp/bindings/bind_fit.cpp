// Fits and what is asked of them.

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <optional>

#include "checks.hpp"
#include "fit_result.hpp"
#include "options.hpp"
#include "ranef/fitted_model.hpp"

namespace {

namespace py = pybind11;
using namespace ranef::bindings;
using ProgressFunction = std::function<void(int, double, double, double)>;
using ranef::Index;
using ranef::Matrix;
using ranef::Vector;

ranef::FitRequest make_request(const ranef::Model& model, const Options& options, const std::optional<Floats>& start,
                               const std::optional<Bools>& fixed, const ProgressFunction& progress) {
  if (start) check_parameters(model, "start", *start);
  if (fixed) check_parameters(model, "fixed", *fixed);
  ranef::FitRequest request;
  request.options = options.core();
  if (start) request.start = to_vector(*start);
  request.fixed = to_flags(fixed);
  request.poll = signal_poll();
  request.progress = [progress, poll = signal_poll(), began = Clock::now()](int iteration, double value, double norm) {
    poll();
    if (!progress) return;
    const py::gil_scoped_acquire acquire;
    progress(iteration, value, norm, seconds_since(began));
  };
  return request;
}

std::unique_ptr<FitHandle> run(const ranef::Model& model, ranef::Layouts& layouts, const ranef::FitRequest& request) {
  // The request and the model are C++ alone; callbacks take the GIL back for themselves.
  const py::gil_scoped_release release;
  return std::make_unique<FitHandle>(
      FitHandle{ranef::fit(model, layouts, request), request.fixed, request.options.inner});
}

const char* describe(ranef::Look::Kind kind) {
  switch (kind) {
    case ranef::Look::Kind::zero:
      return "zero";
    case ranef::Look::Kind::raised:
      return "raised";
    case ranef::Look::Kind::correlation:
      return "correlation";
    case ranef::Look::Kind::shift:
      return "shift";
    case ranef::Look::Kind::scattered:
      return "scattered";
  }
  return "";
}

std::vector<int> to_ints(const std::vector<Index>& places) { return {places.begin(), places.end()}; }

std::string reason(const ranef::FitReport& report) {
  if (!report.failure.empty()) return report.failure;
  if (report.termination == ranef::Termination::converged && !report.curvature_positive) return "not_positive_definite";
  return ranef::describe(report.termination);
}

/// What `answer` says of the model at a fit, without the GIL: the model and the fit are C++ alone.
template <class Answer>
auto at_fit(const ModelHandle& model, const FitResult& fit, const Answer& answer) {
  check_result(model.model, fit.handle);
  const py::gil_scoped_release release;
  ranef::FittedModel fitted(model.model, model.layouts, fit.handle.report, fit.handle.inner, signal_poll());
  return answer(fitted);
}

Matrix parameter_vcov(const ModelHandle& model, const FortranFloats& vcov) {
  const Index size = ranef::ParameterMap(model.model).size();
  if (vcov.ndim() != 2) throw std::invalid_argument("parameter_vcov must have two dimensions");
  check_matrix("parameter_vcov", vcov.shape(0), vcov.shape(1), size, size);
  return Eigen::Map<const Matrix>(vcov.data(), size, size);
}

std::vector<ranef::NewTerm> new_terms(const py::list& terms) {
  std::vector<ranef::NewTerm> out;
  for (const py::handle& term : terms) {
    out.emplace_back();
    if (term.is_none()) continue;
    ranef::RandomTermInput input = term.cast<const TermHandle&>().input();
    out.back() = {true, std::move(input.levels), std::move(input.basis), std::move(input.column)};
  }
  return out;
}

py::array_t<double> predictor_covariance(const ModelHandle& model, const FitResult& fit, const FortranFloats& vcov,
                                         const std::vector<PredictorHandle>& predictors, const py::list& terms,
                                         bool expected) {
  const auto movement = expected ? ranef::BorderMovement::none : ranef::BorderMovement::with_parameters;
  std::vector<Matrix> matrices;
  for (const PredictorHandle& predictor : predictors) matrices.push_back(predictor.input().matrix);
  const std::vector<ranef::NewTerm> made = new_terms(terms);
  check_new_rows(model.model, matrices, made);
  const Matrix covariance = parameter_vcov(model, vcov);
  const Matrix packed = at_fit(
      model, fit, [&](auto& fitted) { return fitted.predictor_covariance(covariance, matrices, made, movement); });
  const auto count = static_cast<py::ssize_t>(predictors.size());
  py::array_t<double> out({static_cast<py::ssize_t>(packed.rows()), count, count});
  auto view = out.mutable_unchecked<3>();
  for (py::ssize_t i = 0; i < packed.rows(); ++i)
    for (int a = 0; a < count; ++a)
      for (int b = 0; b <= a; ++b) view(i, a, b) = view(i, b, a) = packed(i, ranef::packed_index(a, b));
  return out;
}

py::list conditional_covariance(const ModelHandle& model, const FitResult& fit) {
  const std::vector<Vector> blocks = at_fit(model, fit, [](auto& fitted) { return fitted.conditional_covariance(); });
  py::list out;
  for (std::size_t t = 0; t < blocks.size(); ++t) {
    const ranef::RandomTerm& term = model.model.terms()[t];
    const py::ssize_t q = term.user_width();
    out.append(py::array_t<double>({py::ssize_t(term.level_count), q, q}, blocks[t].data()));
  }
  return out;
}

py::list linear_predictors(const FitResult& fit) {
  const ranef::Model& model = fit.model.cast<const ModelHandle&>().model;
  check_result(model, fit.handle);
  const Matrix eta = ranef::linear_predictors(model, fit.handle.report);
  py::list out;
  for (Index k = 0; k < eta.cols(); ++k)
    out.append(py::array_t<double>(static_cast<py::ssize_t>(eta.rows()), eta.col(k).data()));
  return out;
}

void bind_result(py::module_& module) {
  const auto report = [](auto member) { return [member](const FitResult& fit) { return fit.handle.report.*member; }; };
  py::class_<FitResult>(module, "FitResult", "What a fit found.")
      .def_property_readonly(
          "started", [](const FitResult& f) { return f.handle.report.termination != ranef::Termination::no_start; })
      .def_property_readonly("values", [](const FitResult& f) { return to_array(f.handle.report.values); })
      .def_property_readonly("loglik", report(&ranef::FitReport::loglik))
      .def_property_readonly("beta",
                             [](const FitResult& f) {
                               py::list out;
                               for (const Vector& b : f.handle.report.coefficients) out.append(to_array(b));
                               return out;
                             })
      .def_property_readonly("beta_vcov",
                             [](const FitResult& f) { return to_array(f.handle.report.coefficient_covariance); })
      .def_readonly("modes", &FitResult::modes)
      .def_property_readonly("eta", &linear_predictors)
      .def_property_readonly("converged", [](const FitResult& f) { return converged(f.handle.report); })
      .def_property_readonly("reason", [](const FitResult& f) { return reason(f.handle.report); })
      .def_property_readonly("iterations", report(&ranef::FitReport::iterations))
      .def_property_readonly("evaluations", report(&ranef::FitReport::evaluations))
      .def_property_readonly("residual_error", report(&ranef::FitReport::residual_error))
      .def_property_readonly("tiny_residual", report(&ranef::FitReport::tiny_residual))
      .def_property_readonly("inner_iterations", report(&ranef::FitReport::inner_iterations))
      .def_property_readonly("gradient", [](const FitResult& f) { return to_array(f.handle.report.gradient); })
      .def_property_readonly("expected_gain", report(&ranef::FitReport::expected_gain))
      .def_property_readonly("singular", [](const FitResult& f) { return !f.handle.report.at_zero.empty(); })
      .def_property_readonly("looks",
                             [](const FitResult& f) {
                               py::list out;
                               for (const ranef::Look& look : f.handle.report.looks)
                                 out.append(py::make_tuple(describe(look.kind), to_ints(look.moved), look.gained));
                               return out;
                             })
      .def_property_readonly("at_bound", [](const FitResult& f) { return to_ints(f.handle.report.at_limit); })
      .def_property_readonly("certificate", report(&ranef::FitReport::certificate))
      .def_property_readonly("doubtful", [](const FitResult& f) { return ranef::is_doubtful(f.handle.report); })
      .def_property_readonly("deficient", [](const FitResult& f) { return to_ints(f.handle.report.deficient); })
      .def_property_readonly("at_zero", [](const FitResult& f) { return to_ints(f.handle.report.at_zero); });
}

void bind_curvature(py::module_& module) {
  using ranef::CurvatureReport;
  py::class_<CurvatureReport>(module, "Curvature", "Second derivatives at a fit.")
      .def_property_readonly("hessian", [](const CurvatureReport& c) { return to_array(c.hessian); })
      .def_property_readonly("vcov", [](const CurvatureReport& c) { return to_array(c.covariance); })
      .def_property_readonly("eigenvalues", [](const CurvatureReport& c) { return to_array(c.eigenvalues); })
      .def_property_readonly("eigenvectors", [](const CurvatureReport& c) { return to_array(c.eigenvectors); })
      .def_property_readonly("units", [](const CurvatureReport& c) { return to_array(c.units); })
      .def_property_readonly("unidentified", [](const CurvatureReport& c) { return to_ints(c.undetermined); });
}

}  // namespace

void bind_fit(py::module_& module);

void bind_fit(py::module_& module) {
  bind_result(module);
  bind_curvature(module);

  auto model = py::class_<ModelHandle>(module.attr("Model"));
  model.def(
      "fit",
      [](const py::object& self, const Options& options, const std::optional<Floats>& start,
         const std::optional<Bools>& fixed, const ProgressFunction& progress) {
        const auto& handle = self.cast<const ModelHandle&>();
        return finish(self,
                      run(handle.model, handle.layouts, make_request(handle.model, options, start, fixed, progress)));
      },
      py::arg("options"), py::arg("start") = py::none(), py::arg("fixed") = py::none(),
      py::arg("progress") = py::none());
  model.def(
      "refit",
      [](const py::object& self, const Floats& response, const Options& options, const std::optional<Floats>& start,
         const std::optional<Bools>& fixed) {
        const auto& handle = self.cast<const ModelHandle&>();
        check_vector("response", response, handle.model.rows(), "the rows");
        const ranef::Model other = handle.model.with_response(to_vector(response));
        return finish(self, run(other, handle.layouts, make_request(handle.model, options, start, fixed, {})));
      },
      py::arg("response"), py::arg("options"), py::arg("start") = py::none(), py::arg("fixed") = py::none());
  model.def(
      "curvature",
      [](const ModelHandle& handle, const FitResult& fit) {
        return at_fit(handle, fit, [&](auto& fitted) { return fitted.curvature(fit.handle.fixed); });
      },
      py::arg("result"));
  model.def(
      "row_scores",
      [](const ModelHandle& handle, const FitResult& fit) {
        return to_array(at_fit(handle, fit, [](auto& fitted) { return fitted.row_scores(); }));
      },
      py::arg("result"));
  model.def(
      "parameter_covariance",
      [](const ModelHandle& handle, const FitResult& fit, const FortranFloats& vcov) {
        const Matrix covariance = parameter_vcov(handle, vcov);
        return to_array(at_fit(handle, fit, [&](auto& fitted) { return fitted.parameter_covariance(covariance); }));
      },
      py::arg("result"), py::arg("parameter_vcov"));
  model.def("conditional_covariance", &conditional_covariance, py::arg("result"));
  model.def("predictor_covariance", &predictor_covariance, py::arg("result"), py::arg("parameter_vcov"),
            py::arg("predictors"), py::arg("terms"), py::arg("expected") = false);
}
