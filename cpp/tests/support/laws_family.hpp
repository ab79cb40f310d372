#pragma once
// Every family of the registry, with every link and wrapper, on a few rows inside its domain: what the laws of
// test_family_*.cpp run over. A new family is here the moment it is registered.

#include <memory>
#include <string>
#include <vector>

#include "ranef/family/registry.hpp"
#include "support/check.hpp"

namespace ranef::test {

/// Rows that own their memory.
struct Rows {
  std::vector<double> response, trials, weights, prepared;
  std::vector<std::vector<double>> eta;
  bool has_trials = false;

  Index size() const { return Index(response.size()); }
  RowBlock block() const {
    RowBlock b;
    b.size = size();
    b.response = response.data();
    b.trials = has_trials ? trials.data() : nullptr;
    b.weights = weights.empty() ? nullptr : weights.data();
    b.prepared = prepared.data();
    b.prepared_stride = b.size;
    for (std::size_t k = 0; k < eta.size(); ++k) b.eta[k] = eta[k].data();
    return b;
  }
  void prepare(const Likelihood& likelihood) {
    prepared.assign(std::size_t(likelihood.prepared_columns()) * response.size(), 0.0);
    RowBlock b = block();
    b.prepared = nullptr;
    likelihood.prepare(b, prepared.data(), size());
  }
};

/// One family with link and wrappers.
struct Subject {
  FamilyInfo info;
  Link link = Link::identity;
  bool truncated = false, zero_inflated = false;
  std::shared_ptr<const Likelihood> likelihood;

  std::string name() const {
    return (truncated ? "truncated " : "") + info.name + "(" + kLinkNames[std::size_t(link)] + ")" +
           (zero_inflated ? " with zero inflation" : "");
  }
  int predictors() const { return likelihood->predictor_count(); }
  int dispersion_place() const { return info.dispersion.empty() ? -1 : 1; }
  int zero_place() const { return zero_inflated ? predictors() - 1 : -1; }
  bool is_positive() const { return info.support.find("positive") == 0; }
  bool is_unit() const { return info.support.find("numbers between 0 and 1") == 0; }
  bool is_discrete() const { return info.is_count || info.has_trials; }
  bool is_proportion() const { return info.has_trials || is_unit(); }

  /// Mean predictors at which every family has a mean of moderate size.
  std::vector<double> mean_predictors() const {
    switch (link) {
      case Link::log:
        return is_proportion() ? std::vector<double>{-1.7, -0.6} : std::vector<double>{-1.2, 0.3, 1.1};
      case Link::identity:
        return is_proportion() ? std::vector<double>{0.2, 0.7} : std::vector<double>{0.4, 1.3, 3.0};
      case Link::inverse:
      case Link::sqrt:
        return {0.5, 0.9, 1.6};
      default:
        return {-1.4, 0.2, 1.1};
    }
  }

  /// Responses inside the support; zero first where it has probability.
  std::vector<double> responses() const {
    std::vector<double> y;
    if (is_discrete()) {
      y = {1.0, 3.0, 7.0};
    } else if (is_unit()) {
      y = {0.07, 0.5, 0.93};
    } else {
      y = {0.3, 1.4, 4.0};
      if (!is_positive()) y.push_back(-0.8);
    }
    if (zero_inflated || (is_discrete() && !truncated)) y.insert(y.begin(), 0.0);
    return y;
  }

  /// A row with these predictors: mean, dispersion, zero inflation.
  Rows row(double y, double mean, double dispersion, double zero) const {
    Rows rows;
    rows.response = {y};
    rows.trials = {7.0};
    rows.has_trials = info.has_trials;
    for (int k = 0; k < predictors(); ++k) {
      rows.eta.push_back({k == 0 ? mean : k == dispersion_place() ? dispersion : zero});
    }
    rows.prepare(*likelihood);
    return rows;
  }

  /// All combinations of responses, mean, dispersion and zero-inflation predictors.
  Rows grid() const {
    Rows rows;
    rows.has_trials = info.has_trials;
    rows.eta.resize(std::size_t(predictors()));
    for (const double dispersion : {-0.9, 0.8}) {
      for (const double zero : {-1.1, 0.6}) {
        for (const double mean : mean_predictors()) {
          for (const double y : responses()) {
            rows.response.push_back(y);
            rows.trials.push_back(7.0);
            rows.eta[0].push_back(mean);
            if (dispersion_place() > 0) rows.eta[1].push_back(dispersion);
            if (zero_place() > 0) rows.eta[std::size_t(zero_place())].push_back(zero);
          }
        }
      }
    }
    rows.prepare(*likelihood);
    return rows;
  }
};

inline std::vector<Subject> subjects() {
  std::vector<Subject> out;
  const std::vector<FamilyInfo> infos = families();
  for (int f = 0; f < int(infos.size()); ++f) {
    for (const Link link : infos[std::size_t(f)].links) {
      for (const bool truncated : {false, true}) {
        if (truncated && !infos[std::size_t(f)].can_truncate) continue;
        for (const bool zero : {false, true}) {
          out.push_back(
              {infos[std::size_t(f)], link, truncated, zero, make_likelihood({f, int(link), truncated, zero})});
        }
      }
    }
  }
  return out;
}

template <class Law>
void for_every_subject(const std::string& law, Law test) {
  for (const Subject& subject : subjects()) {
    run(subject.name() + ": " + law, [&] { test(subject); });
  }
}

/// Value, gradient, Hessian of a block in the active predictors, stride = rows.
struct SecondOrder {
  double value = 0.0;
  std::vector<double> gradient, hessian;
};

inline SecondOrder second_order(const Subject& subject, const Rows& rows, Active active) {
  SecondOrder out;
  const int predictors = active == Active::all ? subject.predictors() : 1;
  out.gradient.assign(std::size_t(predictors * rows.size()), 0.0);
  out.hessian.assign(std::size_t(packed_size(predictors) * rows.size()), 0.0);
  out.value =
      subject.likelihood->second_order(rows.block(), active, out.gradient.data(), out.hessian.data(), rows.size());
  return out;
}

struct ThirdOrder {
  std::vector<double> gradient, hessian, contraction;
};

inline ThirdOrder third_order(const Subject& subject, const Rows& rows, Active active,
                              const std::vector<double>& variance) {
  const Index n = rows.size();
  const int K = subject.predictors();
  ThirdOrder out{std::vector<double>(std::size_t(K * n)), std::vector<double>(std::size_t(packed_size(K) * n)),
                 std::vector<double>(std::size_t(K * n))};
  subject.likelihood->third_order(rows.block(), active, variance.data(), out.gradient.data(), out.hessian.data(),
                                  out.contraction.data(), n);
  return out;
}

/// exp(loglik) of one row, constant included.
inline double density(const Subject& subject, Rows& row, double y) {
  row.response[0] = y;
  row.prepare(*subject.likelihood);
  return std::exp(-row.prepared[0] - subject.likelihood->value(row.block()));
}

}  // namespace ranef::test
