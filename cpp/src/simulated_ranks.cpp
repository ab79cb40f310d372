#include "ranef/simulated_ranks.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace ranef {

namespace {

/// Rows drawn at a time, from one stream of random numbers: their draws stay in the cache.
constexpr Index kRows = 64;

RowBlock rows_of(const RowBlock& block, Index start) {
  RowBlock rows;
  rows.size = std::min(kRows, block.size - start);
  rows.trials = block.trials == nullptr ? nullptr : block.trials + start;
  for (std::size_t k = 0; k < block.eta.size(); ++k) {
    rows.eta[k] = block.eta[k] == nullptr ? nullptr : block.eta[k] + start;
  }
  return rows;
}

void draw_rows(const Likelihood& likelihood, const RowBlock& block, Index start, Index draws, std::uint64_t seed,
               double* out) {
  Rng rng(seed, std::uint64_t(start / kRows));
  likelihood.draw(rows_of(block, start), rng, draws, out);
}

}  // namespace

SimulatedRanks simulated_ranks(const Likelihood& likelihood, const RowBlock& block, const double* centre, Index draws,
                               std::uint64_t seed, const std::function<void()>& poll) {
  if (draws < 1) throw std::invalid_argument("draws must be at least 1, got " + std::to_string(draws));
  SimulatedRanks out{Vector(block.size), Vector(block.size), Vector::Zero(draws), Vector::Zero(draws),
                     Vector::Zero(draws)};
  std::vector<double> held(std::size_t(kRows * draws));
  for (Index start = 0; start < block.size; start += kRows) {
    if (poll) poll();
    draw_rows(likelihood, block, start, draws, seed, held.data());
    const Index end = std::min(start + kRows, block.size);
    for (Index i = start; i < end; ++i) {
      if (poll) poll();
      const Eigen::Map<const Eigen::ArrayXd> row(held.data() + (i - start) * draws, draws);
      const double y = block.response[i];
      out.less[i] = double((row < y).count());
      out.equal[i] = double((row == y).count());
      out.sum.array() += row - centre[i];
      out.sum_of_squares.array() += (row - centre[i]).square();
      out.zeros.array() += (row == 0.0).cast<double>();
    }
  }
  return out;
}

void simulated_draws(const Likelihood& likelihood, const RowBlock& block, Index draws, std::uint64_t seed, double* out,
                     const std::function<void()>& poll) {
  for (Index start = 0; start < block.size; start += kRows) {
    if (poll) poll();
    draw_rows(likelihood, block, start, draws, seed, out + start * draws);
  }
}

}  // namespace ranef
