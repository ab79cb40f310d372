// The one place where failures of the core become Python exceptions: std::invalid_argument and std::domain_error are
// ValueError by pybind11's own rule; what remains is a broken promise of ours.

#include <pybind11/pybind11.h>

#include <stdexcept>

namespace py = pybind11;

void bind_errors(py::module_& module);

void bind_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const std::logic_error& error) {
      if (dynamic_cast<const std::invalid_argument*>(&error) != nullptr ||
          dynamic_cast<const std::domain_error*>(&error) != nullptr) {
        PyErr_SetString(PyExc_ValueError, error.what());
      } else {
        PyErr_SetString(PyExc_RuntimeError, error.what());
      }
    }
  });
}
