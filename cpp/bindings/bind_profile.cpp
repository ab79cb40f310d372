// Profiles of the likelihood.

#include "ranef/profile.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <stdexcept>

#include "checks.hpp"
#include "options.hpp"

namespace {

namespace py = pybind11;
using namespace ranef::bindings;
using ranef::Index;
using ranef::Matrix;
using ranef::Vector;

const char* kind_name(ranef::ProfileEnd::Kind kind) {
  switch (kind) {
    case ranef::ProfileEnd::Kind::found:
      return "found";
    case ranef::ProfileEnd::Kind::limit:
      return "limit";
    case ranef::ProfileEnd::Kind::unbounded:
      return "unbounded";
    default:
      return "failed";
  }
}

Matrix point_values(const ranef::ProfileReport& report) {
  const Index count = static_cast<Index>(report.points.size());
  Matrix out(count, count > 0 ? report.points[0].values.size() : 0);
  for (Index i = 0; i < count; ++i) out.row(i) = report.points[static_cast<std::size_t>(i)].values;
  return out;
}

ranef::ProfileReport run(const ModelHandle& handle, const Options& options, const Floats& estimate, double loglik,
                         int parameter, double unit, const std::optional<Bools>& fixed, double cutoff, double zeta_step,
                         const std::vector<double>& targets) {
  check_parameters(handle.model, "estimate", estimate);
  if (fixed) check_parameters(handle.model, "fixed", *fixed);
  if (parameter < 0 || parameter >= estimate.size())
    throw std::invalid_argument("parameter " + std::to_string(parameter) + " of " + std::to_string(estimate.size()));
  if (cutoff > 0.0 && !(zeta_step > 0.0))
    throw std::invalid_argument("zeta_step is " + std::to_string(zeta_step) + ", not positive");
  ranef::ProfileRequest request;
  request.options = options.core();
  request.estimate = to_vector(estimate);
  request.loglik = loglik;
  request.fixed = to_flags(fixed);
  request.parameter = parameter;
  request.unit = unit;
  request.cutoff = cutoff;
  request.zeta_step = zeta_step;
  request.targets = targets;
  request.poll = signal_poll();
  const py::gil_scoped_release release;  // the request and the model are C++ alone; the poll takes the GIL back
  return ranef::profile(handle.model, handle.layouts, request);
}

}  // namespace

void bind_profile(py::module_& module);

void bind_profile(py::module_& module) {
  using ranef::ProfileReport;
  py::class_<ProfileReport>(module, "ProfileReport", "The profile of one parameter.")
      .def_property_readonly("zeta",
                             [](const ProfileReport& r) {
                               std::vector<double> out;
                               for (const auto& p : r.points) out.push_back(p.zeta);
                               return out;
                             })
      .def_property_readonly("loglik",
                             [](const ProfileReport& r) {
                               std::vector<double> out;
                               for (const auto& p : r.points) out.push_back(p.loglik);
                               return out;
                             })
      .def_property_readonly("values", [](const ProfileReport& r) { return to_array(point_values(r)); })
      .def_property_readonly("ends",
                             [](const ProfileReport& r) {
                               std::vector<std::pair<double, std::string>> out;
                               for (const auto& e : r.ends) out.emplace_back(e.value, kind_name(e.kind));
                               return out;
                             })
      .def_property_readonly(
          "better",
          [](const ProfileReport& r) { return r.better.ok ? std::optional(to_array(r.better.values)) : std::nullopt; })
      .def_property_readonly("better_loglik", [](const ProfileReport& r) { return r.better.loglik; })
      .def_readonly("failure", &ProfileReport::failure);

  auto model = py::class_<ModelHandle>(module.attr("Model"));
  model.def("profile", &run, py::arg("options"), py::arg("estimate"), py::arg("loglik"), py::arg("parameter"),
            py::arg("unit"), py::arg("fixed") = py::none(), py::arg("cutoff") = 0.0, py::arg("zeta_step") = 0.3,
            py::arg("targets") = std::vector<double>());
}
