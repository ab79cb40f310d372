// The compiled module: registers one concept after the other.

#include <pybind11/pybind11.h>

namespace py = pybind11;

void bind_errors(py::module_& module);
void bind_family(py::module_& module);
void bind_lapack(py::module_& module);
void bind_model(py::module_& module);
void bind_fit(py::module_& module);
void bind_profile(py::module_& module);
void bind_bootstrap(py::module_& module);

PYBIND11_MODULE(_core, module, py::mod_gil_not_used()) {
  module.doc() = "The compiled core of ranef.";
  module.attr("__version__") = RANEF_VERSION;
  bind_errors(module);
  bind_family(module);
  bind_lapack(module);
  bind_model(module);
  bind_fit(module);
  bind_profile(module);
  bind_bootstrap(module);
}
