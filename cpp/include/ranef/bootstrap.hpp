#pragma once
// The parametric bootstrap: responses simulated from a fit, the model fitted to each, in as many threads as wanted.
//
// Threads share the model and its layouts, which are constant; every replicate has its own response, generator and
// objective. Which thread fits a replicate changes nothing about it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ranef/fit.hpp"
#include "ranef/simulate.hpp"

namespace ranef {

struct BootstrapRequest {
  FitOptions options;
  std::vector<bool> fixed;  ///< parameters held at their true values, or empty
  std::uint64_t seed = 0;
  Index first = 0;  ///< replicates first .. first + count - 1
  Index count = 0;
  int threads = 1;
  /// Start every fit at the estimates. Not for a singular fit: a variance of zero is a stationary point.
  bool start_at_estimate = true;
  /// Called several times a second with the number of fits done, by the calling thread; may throw to stop.
  std::function<void(Index)> progress;
};

struct Replicate {
  Vector response;
  FitReport fit;
  std::string error;  ///< why there is no fit
};

/// `receive(i, replicate)` is called by the threads, once for each i in 0 .. count - 1.
void bootstrap(const Model& model, Layouts& layouts, const Truth& truth, const BootstrapRequest& request,
               const std::function<void(Index, Replicate&&)>& receive);

}  // namespace ranef
