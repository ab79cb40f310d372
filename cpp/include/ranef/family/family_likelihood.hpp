#pragma once
// The likelihood of likelihood.hpp for one family: every virtual is a loop of row_loop.hpp over a pass.
//
//     pass                    jets                              predictors
//     value                   none                              none
//     second_order            order 2                           the mean, or all
//     third_order, mean_only  order 3 in the mean, 1 in others  all (MeanDirection)
//     third_order, all        order 3                           all
//     mean_gradient           order 1                           all

#include <array>
#include <cmath>
#include <limits>
#include <type_traits>

#include "ranef/family/registry.hpp"
#include "ranef/family/row_loop.hpp"
#include "ranef/family/start.hpp"
#include "ranef/family/truncated.hpp"

namespace ranef {

template <class Model>
class FamilyLikelihood final : public Likelihood {
 public:
  explicit FamilyLikelihood(Link link) : link_(link) {}

  int predictor_count() const override { return K; }
  int prepared_columns() const override { return 1 + F::kept; }

  /// A zero that the family's density does not reach (hurdle) has no constant.
  void prepare(const RowBlock& block, double* out, Index stride) const override {
    const double log_unit = std::log(block.unit);
    for (Index i = 0; i < block.size; ++i) {
      Observation o = observe<F>(block, i);
      const bool hurdle = Model::zero_inflated && !F::zero_has_probability && o.y == 0.0;
      if (!hurdle) F::keep(o);
      out[i] = hurdle ? 0.0 : F::constant(o) + log_unit;
      for (int c = 0; c < F::kept; ++c) out[(c + 1) * stride + i] = o.kept[c];
    }
  }

  double value(const RowBlock& block) const override {
    double total = 0.0;
    for_each_density<Model, ValuePass>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      total += weight(block, i) * row_nll(o, mean, state);
    });
    return finite_or_infinite(total);
  }

  double second_order(const RowBlock& block, Active active, double* gradient, double* hessian,
                      Index stride) const override {
    if (K == 1 || active == Active::mean_only) return second_order_pass<1>(block, gradient, hessian, stride);
    return second_order_pass<K>(block, gradient, hessian, stride);
  }

  void third_order(const RowBlock& block, Active active, const double* variance, double* gradient, double* hessian,
                   double* contraction, Index stride) const override {
    if (K == 1 || active == Active::mean_only) {
      third_order_mean(block, variance, gradient, hessian, contraction, stride);
    } else {
      third_order_all(block, variance, gradient, hessian, contraction, stride);
    }
  }

  bool is_least_squares() const override {
    return std::is_same_v<F, struct Gaussian> && link_ == Link::identity && !Model::zero_inflated;
  }

  bool is_discrete() const override {
    const FamilyInfo info = F::info();
    return info.is_count || info.has_trials;
  }

  bool is_log_concave() const override { return !Model::zero_inflated && F::is_log_concave(link_); }

  bool has_unit() const override { return F::has_unit; }

  std::array<PredictorUnit, kMaxPredictors> predictor_units(double unit) const override {
    std::array<PredictorUnit, kMaxPredictors> out;
    out[0] = link_unit(link_, unit);
    if constexpr (F::has_dispersion) out[1].origin = F::dispersion_origin(unit);
    return out;
  }

  Link link() const override { return link_; }

  std::array<double, kMaxPredictors> start_predictors(const RowBlock& block) const override {
    return ranef::start_predictors<Model>(link_, block);
  }

  void moments(const RowBlock& block, double* mean_out, double* variance) const override {
    for_each_row<Model, ValuePass>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      mean_out[i] = row_mean<Model, ValuePass>(o, mean, state);
      if constexpr (Model::zero_inflated) {
        variance[i] = zero_inflated_variance<F>(o, mean, state.dispersion, state.zero);
      } else {
        variance[i] = F::variance(o, mean, state.dispersion);
      }
    });
  }

  void mean_gradient(const RowBlock& block, double* mean_out, double* gradient, Index stride) const override {
    using P = Pass<TotalDegree<K, 1>, kAll>;
    for_each_row<Model, P>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      const typename P::Result m = row_mean<Model, P>(o, mean, state);
      mean_out[i] = m.value();
      for (int k = 0; k < K; ++k) gradient[k * stride + i] = m.derivative(k);
    });
  }

  void deviance(const RowBlock& block, double* out) const override {
    for_each_row<Model, ValuePass>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      out[i] = Model::zero_inflated ? NAN : weight(block, i) * F::deviance(o, mean, state.dispersion);
    });
  }

  void draw(const RowBlock& block, Rng& rng, Index draws, double* response) const override {
    for_each_row<Model, ValuePass>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      double* const row = response + i * draws;
      for (Index d = 0; d < draws; ++d) {
        if constexpr (Model::zero_inflated) {
          row[d] = zero_inflated_draw<F>(o, mean, state.dispersion, state.zero, rng);
        } else {
          row[d] = F::draw(o, mean, state.dispersion, rng);
        }
      }
    });
  }

 private:
  using F = typename Model::Family;
  static constexpr int K = Model::predictors;
  static constexpr unsigned kAll = (1U << unsigned(K)) - 1U;

  static double weight(const RowBlock& block, Index i) { return block.weights == nullptr ? 1.0 : block.weights[i]; }

  /// A trial step outside the model (a mean below zero, a density with a pole) is infinitely bad, never NaN.
  static double finite_or_infinite(double total) {
    return std::isfinite(total) ? total : std::numeric_limits<double>::infinity();
  }

  /// Gradient and Hessian in the first A predictors.
  template <int A>
  double second_order_pass(const RowBlock& block, double* gradient, double* hessian, Index stride) const {
    using P = Pass<TotalDegree<A, 2>, (1U << unsigned(A)) - 1U>;
    double total = 0.0;
    for_each_density<Model, P>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      const typename P::Result l = row_nll(o, mean, state);
      const double w = weight(block, i);
      total += w * l.value();
      for (int a = 0; a < A; ++a) {
        gradient[a * stride + i] = w * l.derivative(a);
        for (int b = 0; b <= a; ++b) hessian[packed_index(a, b) * stride + i] = w * l.derivative(a, b);
      }
    });
    return finite_or_infinite(total);
  }

  void third_order_mean(const RowBlock& block, const double* variance, double* gradient, double* hessian,
                        double* contraction, Index stride) const {
    using P = Pass<MeanDirection<K>, kAll>;
    for_each_density<Model, P>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      const typename P::Result l = row_nll(o, mean, state);
      const double w = weight(block, i);
      const double half_h = 0.5 * w * variance[i];
      for (int k = 0; k < K; ++k) {
        gradient[k * stride + i] = w * l.derivative(k);
        hessian[packed_index(k, 0) * stride + i] = w * l.derivative(0, k);
        contraction[k * stride + i] = half_h * l.derivative(0, 0, k);
      }
    });
  }

  void third_order_all(const RowBlock& block, const double* variance, double* gradient, double* hessian,
                       double* contraction, Index stride) const {
    using P = Pass<TotalDegree<K, 3>, kAll>;
    for_each_density<Model, P>(link_, block, [&](Index i, const Observation& o, const auto& mean, auto& state) {
      const typename P::Result l = row_nll(o, mean, state);
      const double w = weight(block, i);
      for (int k = 0; k < K; ++k) {
        gradient[k * stride + i] = w * l.derivative(k);
        double sum = 0.0;
        for (int a = 0; a < K; ++a) {
          if (a <= k) hessian[packed_index(k, a) * stride + i] = w * l.derivative(a, k);
          sum += 0.5 * variance[packed_index(a, a) * stride + i] * l.derivative(a, a, k);
          for (int b = 0; b < a; ++b) sum += variance[packed_index(a, b) * stride + i] * l.derivative(a, b, k);
        }
        contraction[k * stride + i] = w * sum;
      }
    });
  }

  Link link_;
};

template <class F>
FamilyInfo FamilyEntry<F>::info() {
  FamilyInfo out = F::info();
  out.can_truncate = F::can_truncate;
  return out;
}

template <class F>
std::unique_ptr<const Likelihood> FamilyEntry<F>::make(Link link, bool truncated, bool zero_inflated) {
  if constexpr (F::can_truncate) {
    if (truncated && zero_inflated) return std::make_unique<FamilyLikelihood<RowModel<Truncated<F>, true>>>(link);
    if (truncated) return std::make_unique<FamilyLikelihood<RowModel<Truncated<F>, false>>>(link);
  }
  if (truncated) return nullptr;
  if (zero_inflated) return std::make_unique<FamilyLikelihood<RowModel<F, true>>>(link);
  return std::make_unique<FamilyLikelihood<RowModel<F, false>>>(link);
}

}  // namespace ranef
