// The compiled module: registers one concept after the other.

#include <pybind11/pybind11.h>

namespace py = pybind11;

#define RANEF_QUOTED(text) #text
#define RANEF_STRING(macro) RANEF_QUOTED(macro)

// What the core was compiled with: a measured time means little without it.

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#elif defined(__GNUC__)
constexpr const char* kCompiler = "GCC " __VERSION__;
#elif defined(_MSC_VER)
constexpr const char* kCompiler = "MSVC " RANEF_STRING(_MSC_VER);
#else
constexpr const char* kCompiler = "unknown";
#endif

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
  module.attr("__compiler__") = kCompiler;
  bind_errors(module);
  bind_family(module);
  bind_lapack(module);
  bind_model(module);
  bind_fit(module);
  bind_profile(module);
  bind_bootstrap(module);
}
