#pragma once
// How a fit is computed, and how it listens to signals: shared by what runs fits.

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model_handle.hpp"

namespace ranef::bindings {

struct Options {
  int max_iterations = OptimizerOptions().max_iterations;
  double gain_tolerance = OptimizerOptions().gain_tolerance;
  double inner_tolerance = InnerOptions().tolerance;
  int max_inner_iterations = InnerOptions().max_iterations;

  FitOptions core() const {
    if (max_iterations < 0 || max_inner_iterations < 1)
      throw std::invalid_argument("max_iterations is " + std::to_string(max_iterations) + " and max_inner_iterations " +
                                  std::to_string(max_inner_iterations) + ": at least 0 and 1");
    if (!(gain_tolerance > 0.0) || !(inner_tolerance > 0.0))
      throw std::invalid_argument("gain_tolerance is " + std::to_string(gain_tolerance) + " and inner_tolerance " +
                                  std::to_string(inner_tolerance) + ": must be positive");
    FitOptions out;
    out.optimizer.max_iterations = max_iterations;
    out.optimizer.gain_tolerance = gain_tolerance;
    out.inner.tolerance = inner_tolerance;
    out.inner.max_iterations = max_inner_iterations;
    return out;
  }
};

/// Seconds between looks at pending signals: often enough for Ctrl-C to feel immediate.
inline constexpr double kPollSeconds = 0.1;

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Takes the GIL now and then to let Python's signal handlers run; throws what they raise.
inline std::function<void()> signal_poll() {
  return [last = Clock::now()]() mutable {
    if (seconds_since(last) < kPollSeconds) return;
    last = Clock::now();
    const py::gil_scoped_acquire acquire;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  };
}

inline std::vector<bool> to_flags(const std::optional<Bools>& flags) {
  if (!flags) return {};
  return std::vector<bool>(flags->data(), flags->data() + flags->size());
}

}  // namespace ranef::bindings
