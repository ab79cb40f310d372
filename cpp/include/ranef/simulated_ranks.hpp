#pragma once
// Where each response lies among simulated ones: the counts behind randomised quantile residuals and their tests.
//
// With S_id the draw d of row i, and c_i a centre,
//
//     less_i = #{d: S_id < y_i},  equal_i = #{d: S_id = y_i};   sum_d = sum_i (S_id - c_i),  zeros_d = #{i: S_id = 0}
//
// A residual needs the row's two counts alone, the tests of dispersion and of zeros the sums over the rows: the draws
// themselves, 200 MB for 250 of 100,000 rows, are never all held. Blocks of rows have random numbers of their own, so
// `simulated_draws` gives the same draws again for whoever wants to see them.

#include <cstdint>
#include <functional>

#include "ranef/family/likelihood.hpp"
#include "ranef/types.hpp"

namespace ranef {

struct SimulatedRanks {
  Vector less, equal;                 ///< of every row
  Vector sum, sum_of_squares, zeros;  ///< of every draw; sums of the differences from the centre
};

/// `centre` holds a number a row; `poll` is called often and may throw to stop. Throws std::invalid_argument where
/// `draws` is not positive.
SimulatedRanks simulated_ranks(const Likelihood& likelihood, const RowBlock& block, const double* centre, Index draws,
                               std::uint64_t seed, const std::function<void()>& poll = {});

/// The same draws, draw d of row i at out[i * draws + d].
void simulated_draws(const Likelihood& likelihood, const RowBlock& block, Index draws, std::uint64_t seed, double* out,
                     const std::function<void()>& poll = {});

}  // namespace ranef
