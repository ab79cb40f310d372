// The parametric bootstrap.

#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <stdexcept>

#include "checks.hpp"
#include "fit_result.hpp"
#include "options.hpp"
#include "ranef/bootstrap.hpp"

namespace {

namespace py = pybind11;
using namespace ranef::bindings;
using ranef::Index;
using ranef::Matrix;
using ranef::Vector;
using Count = std::function<void(Index)>;

/// What is kept of every replicate: one row each.
struct Rows {
  Matrix values;
  Vector loglik;
  std::vector<char> converged, singular;
  std::vector<std::string> errors;
  std::vector<ranef::Replicate> replicates;  // where the fits are wanted
};

Vector parameters_of(const ranef::Model& model, const Vector& values, const Vector& mean_coefficients) {
  if (!model.mean_in_mode()) return values;
  Vector out(mean_coefficients.size() + values.size());
  out << mean_coefficients, values;
  return out;
}

Rows run(const ranef::Model& model, ranef::Layouts& layouts, const ranef::Truth& truth,
         const ranef::BootstrapRequest& request, bool keep_fits) {
  const auto count = static_cast<std::size_t>(request.count);
  const Index width = parameters_of(model, truth.values, truth.coefficients[0]).size();
  Rows out{Matrix::Constant(request.count, width, std::numeric_limits<double>::quiet_NaN()),
           Vector::Constant(request.count, std::numeric_limits<double>::quiet_NaN()),
           std::vector<char>(count, 0),
           std::vector<char>(count, 0),
           std::vector<std::string>(count),
           std::vector<ranef::Replicate>(keep_fits ? count : 0)};
  // Threads write to rows of their own.
  ranef::bootstrap(model, layouts, truth, request, [&](Index i, ranef::Replicate&& replicate) {
    const auto row = static_cast<std::size_t>(i);
    out.errors[row] = replicate.error;
    if (replicate.error.empty()) {
      out.values.row(i) = parameters_of(model, replicate.fit.values, replicate.fit.coefficients[0]);
      out.loglik[i] = replicate.fit.loglik;
      out.converged[row] = converged(replicate.fit) ? 1 : 0;
      out.singular[row] = replicate.fit.at_zero.empty() ? 0 : 1;
    }
    if (keep_fits) out.replicates[row] = std::move(replicate);
  });
  return out;
}

py::array_t<bool> to_bools(const std::vector<char>& flags) {
  py::array_t<bool> out(static_cast<py::ssize_t>(flags.size()));
  std::copy(flags.begin(), flags.end(), out.mutable_data());
  return out;
}

/// (response, fit) of every replicate; None without a fit.
py::list to_fits(const py::object& model, std::vector<ranef::Replicate> replicates,
                 const ranef::BootstrapRequest& request) {
  py::list out;
  for (ranef::Replicate& replicate : replicates) {
    if (!replicate.error.empty()) {
      out.append(py::none());
      continue;
    }
    const py::array_t<double> response = to_array(replicate.response);
    auto fit = std::make_unique<FitHandle>(FitHandle{std::move(replicate.fit), request.fixed, request.options.inner});
    out.append(py::make_tuple(response, py::cast(finish(model, std::move(fit)))));
  }
  return out;
}

ranef::Truth make_truth(const ModelHandle& handle, const Floats& values, const std::vector<Floats>& coefficients,
                        const std::vector<Floats>& effects, const std::optional<Bools>& keep) {
  const ranef::Model& model = handle.model;
  check_parameters(model, "values", values);
  if (keep) check_vector("keep", *keep, static_cast<Index>(model.terms().size()), "the terms");
  ranef::Truth truth;
  truth.values = to_vector(values);
  for (const Floats& own : coefficients) truth.coefficients.push_back(to_vector(own));
  for (const Floats& own : effects) truth.effects.push_back(to_vector(own));
  truth.keep = to_flags(keep);
  check_length("beta", static_cast<Index>(coefficients.size()), static_cast<Index>(model.predictors().size()),
               "the predictors");
  check_length("modes", static_cast<Index>(effects.size()), static_cast<Index>(model.terms().size()), "the terms");
  for (std::size_t k = 0; k < coefficients.size(); ++k)
    check_vector("beta", coefficients[k], model.predictors()[k].columns(), "the columns");
  for (std::size_t t = 0; t < effects.size(); ++t)
    check_length("modes", effects[t].size(), Index(model.terms()[t].level_count) * model.terms()[t].user_width(),
                 "the effects");
  return truth;
}

py::tuple bootstrap(const py::object& self, const Options& options, const Floats& values,
                    const std::vector<Floats>& coefficients, const std::vector<Floats>& effects, std::uint64_t seed,
                    Index first, Index count, int threads, const std::optional<Bools>& fixed,
                    const std::optional<Bools>& keep, bool start_at_estimate, bool keep_fits, const Count& progress) {
  const auto& handle = self.cast<const ModelHandle&>();
  const ranef::Truth truth = make_truth(handle, values, coefficients, effects, keep);
  constexpr Index kMost = Index(1) << 40;
  if (count < 1 || count > kMost || first < 0 || first > kMost || threads < 1)
    throw std::invalid_argument("count is " + std::to_string(count) + ", first " + std::to_string(first) +
                                " and threads " + std::to_string(threads) + ": at least 1, 0 and 1");
  ranef::BootstrapRequest request;
  if (fixed) check_parameters(handle.model, "fixed", *fixed);
  request.options = options.core();
  request.fixed = to_flags(fixed);
  request.seed = seed;
  request.first = first;
  request.count = count;
  request.threads = threads;
  request.start_at_estimate = start_at_estimate;
  request.progress = [poll = signal_poll(), progress](Index done) mutable {
    poll();
    if (!progress) return;
    const py::gil_scoped_acquire acquire;
    progress(done);
  };
  Rows rows = [&] {
    // The threads see C++ alone; the calling one takes the GIL back to report progress.
    const py::gil_scoped_release release;
    return run(handle.model, handle.layouts, truth, request, keep_fits);
  }();
  return py::make_tuple(to_array(rows.values), to_array(rows.loglik), to_bools(rows.converged), to_bools(rows.singular),
                        rows.errors, to_fits(self, std::move(rows.replicates), request));
}

}  // namespace

void bind_bootstrap(py::module_& module);

void bind_bootstrap(py::module_& module) {
  auto model = py::class_<ModelHandle>(module.attr("Model"));
  model.def("bootstrap", &bootstrap, py::arg("options"), py::arg("values"), py::arg("beta"), py::arg("modes"),
            py::arg("seed"), py::arg("first"), py::arg("count"), py::arg("threads") = 1, py::arg("fixed") = py::none(),
            py::arg("keep") = py::none(), py::arg("start_at_estimate") = true, py::arg("keep_fits") = false,
            py::arg("progress") = py::none());
}
