#pragma once
// A fit as Python sees it.

#include <memory>

#include "model_handle.hpp"

namespace ranef::bindings {

inline py::list modes(const ModelHandle& handle, const TermVectors& effects) {
  py::list out;
  for (std::size_t t = 0; t < effects.size(); ++t) {
    const RandomTerm& term = handle.model.terms()[t];
    out.append(py::array_t<double>({py::ssize_t(term.level_count), py::ssize_t(term.user_width())}, effects[t].data()));
  }
  return out;
}

inline bool converged(const FitReport& report) {
  return report.termination == Termination::converged && report.curvature_positive;
}

/// A fit as Python sees it: arrays made once, when the fit ends; those as long as the data when asked for.
struct FitResult {
  FitHandle handle;
  py::list modes;
  py::object model;
};

inline std::unique_ptr<FitResult> finish(const py::object& model, std::unique_ptr<FitHandle> handle) {
  py::list effects = modes(model.cast<const ModelHandle&>(), handle->report.effects);
  return std::make_unique<FitResult>(FitResult{std::move(*handle), std::move(effects), model});
}

}  // namespace ranef::bindings
