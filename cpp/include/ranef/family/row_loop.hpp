#pragma once
// The loop over the rows of a block: what each pass differentiates, and how a row's quantities are set up.

#include <algorithm>
#include <type_traits>

#include "ranef/family/family.hpp"
#include "ranef/family/large_count.hpp"
#include "ranef/family/likelihood.hpp"
#include "ranef/family/truncated.hpp"
#include "ranef/family/zero_inflated.hpp"
#include "ranef/link/link.hpp"

namespace ranef {

/// A family, truncated or not, with or without zero inflation; the order of its predictors.
template <class F, bool ZeroInflated>
struct RowModel {
  using Family = F;
  static constexpr bool zero_inflated = ZeroInflated;
  static constexpr bool has_dispersion = F::has_dispersion;
  static constexpr int predictors = 1 + (F::has_dispersion ? 1 : 0) + (ZeroInflated ? 1 : 0);
  static constexpr int zero_place = predictors - 1;
};

/// The same for a block with large counts.
template <class F>
struct WithLargeCounts {
  using type = LargeCounts<F>;
};
template <class F>
struct WithLargeCounts<Truncated<F>> {
  using type = Truncated<LargeCounts<F>>;
};
template <class Model>
using LargeRowModel = RowModel<typename WithLargeCounts<typename Model::Family>::type, Model::zero_inflated>;

/// Scalar types of a pass that differentiates the predictors of the bit set `Active`; none: plain numbers.
template <class Truncation, unsigned Active>
struct Pass {
  static constexpr unsigned active = Active;
  template <int K>
  static constexpr bool is_active = ((Active >> unsigned(K)) & 1U) != 0;
  template <int K>
  using Predictor =
      std::conditional_t<is_active<K>, BasicJet<Truncation, is_active<K> ? (1U << unsigned(K)) : 1U>, double>;
  using Result = std::conditional_t<Active != 0, BasicJet<Truncation, Active != 0 ? Active : 1U>, double>;
  static constexpr int mean_order = is_active<0> ? BasicJet<Truncation, 1U>::order : 0;

  template <int K>
  static Predictor<K> predictor(double eta) {
    if constexpr (is_active<K>) {
      return Predictor<K>::variable(K, eta);
    } else {
      return eta;
    }
  }
};

using ValuePass = Pass<TotalDegree<1, 1>, 0U>;

/// Dispersion and zero inflation of the current row; recomputed only where their predictors change.
template <class Model, class P>
class RowState {
 public:
  using DispersionScalar = typename P::template Predictor<Model::has_dispersion ? 1 : 0>;
  using ZeroScalar = typename P::template Predictor<Model::zero_place>;

  RowState() {
    if constexpr (Model::has_dispersion) dispersion.set(P::template predictor<1>(last_dispersion_));
    if constexpr (Model::zero_inflated) zero.set(P::template predictor<Model::zero_place>(last_zero_));
  }

  void move_to(const RowBlock& block, Index i) {
    if constexpr (Model::has_dispersion) {
      const double eta = block.eta[1][i];
      if (eta != last_dispersion_) dispersion.set(P::template predictor<1>(last_dispersion_ = eta));
    }
    if constexpr (Model::zero_inflated) {
      const double eta = block.eta[Model::zero_place][i];
      if (eta != last_zero_) zero.set(P::template predictor<Model::zero_place>(last_zero_ = eta));
    }
  }

  typename Model::Family::template Dispersion<DispersionScalar> dispersion;
  std::conditional_t<Model::zero_inflated, ZeroInflation<ZeroScalar>, NoDispersion> zero;

 private:
  double last_dispersion_ = 0.0;
  double last_zero_ = 0.0;
};

template <class F>
Observation observe(const RowBlock& block, Index i) {
  Observation o;
  if (block.response != nullptr) o.y = block.response[i];
  if (block.trials != nullptr) o.trials = block.trials[i];
  if (block.prepared != nullptr) {
    for (int c = 0; c < F::kept; ++c) o.kept[c] = block.prepared[(c + 1) * block.prepared_stride + i];
  }
  return o;
}

/// Calls visit(i, observation, mean, state) for every row, the mean's quantities as scalars of the pass.
template <class Model, class P, class Visit>
void for_each_row(Link link, const RowBlock& block, Visit visit) {
  using F = typename Model::Family;
  using MeanScalar = typename P::template Predictor<0>;
  MeanTable<F::template Mean, P::mean_order> table;
  RowState<Model, P> state;
  for (Index start = 0; start < block.size; start += kLinkRows) {
    const Index rows = std::min(kLinkRows, block.size - start);
    fill_means(link, block.eta[0] + start, rows, table);
    for (Index r = 0; r < rows; ++r) {
      state.move_to(block, start + r);
      visit(start + r, observe<F>(block, start + r), read_mean<MeanScalar>(table, r), state);
    }
  }
}

/// The same for what takes the density, with the family's form for large counts where the block may have any.
template <class Model, class P, class Visit>
void for_each_density(Link link, const RowBlock& block, Visit visit) {
  if constexpr (Model::Family::has_large_form)
    if (block.largest_count > kLargeCount) return for_each_row<LargeRowModel<Model>, P>(link, block, visit);
  for_each_row<Model, P>(link, block, visit);
}

/// One row's negative log-likelihood kernel as a scalar of the pass.
template <class Model, class P, class Mean>
typename P::Result row_nll(const Observation& o, const Mean& mean, RowState<Model, P>& state) {
  using F = typename Model::Family;
  if constexpr (Model::zero_inflated) {
    return zero_inflated_nll<typename P::Result, F>(o, mean, state.dispersion, state.zero);
  } else {
    return F::nll(o, mean, state.dispersion);
  }
}

/// One row's mean of the response.
template <class Model, class P, class Mean>
typename P::Result row_mean(const Observation& o, const Mean& mean, RowState<Model, P>& state) {
  using F = typename Model::Family;
  if constexpr (Model::zero_inflated) {
    return zero_inflated_mean<F>(o, mean, state.dispersion, state.zero);
  } else {
    return F::mean(o, mean, state.dispersion);
  }
}

}  // namespace ranef
