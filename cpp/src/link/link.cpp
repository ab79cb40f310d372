#include "ranef/link/link.hpp"

#include <cmath>

#include "ranef/link/cauchit.hpp"
#include "ranef/link/cloglog.hpp"
#include "ranef/link/identity.hpp"
#include "ranef/link/inverse.hpp"
#include "ranef/link/log.hpp"
#include "ranef/link/logit.hpp"
#include "ranef/link/probit.hpp"
#include "ranef/link/sqrt.hpp"

namespace ranef {

namespace {

template <class L>
inline constexpr bool is_probability_link = std::is_same_v<L, LogitLink> || std::is_same_v<L, ProbitLink> ||
                                            std::is_same_v<L, CloglogLink> || std::is_same_v<L, CauchitLink>;

template <class T>
void narrow(const Probability<T>& all, RealMean<T>& out) {
  out.mu = all.p;
}
template <class T>
void narrow(const Probability<T>& all, PositiveMean<T>& out) {
  out = {all.p, all.log_p};
}
template <class T>
void narrow(const Probability<T>& all, LogProbability<T>& out) {
  out = {all.log_p, all.log_q};
}
template <class T>
void narrow(const Probability<T>& all, Probability<T>& out) {
  out = all;
}

template <class L, class Eta, class T>
void convert(const Eta& eta, RealMean<T>& out) {
  if constexpr (is_probability_link<L>) {
    narrow(L::probability(eta), out);
  } else {
    out.mu = L::real(eta);
  }
}

template <class L, class Eta, class T>
void convert(const Eta& eta, PositiveMean<T>& out) {
  if constexpr (is_probability_link<L>) {
    narrow(L::probability(eta), out);
  } else {
    out = L::positive(eta);
  }
}

template <class L, class Eta, class T>
void convert(const Eta& eta, Probability<T>& out) {
  if constexpr (is_probability_link<L> || std::is_same_v<L, LogLink>) {
    out = L::probability(eta);
  } else {
    const PositiveMean<T> mean = L::positive(eta);
    out = {mean.mu, 1.0 - mean.mu, mean.log_mu, log1p(-mean.mu)};
  }
}

template <class L, class Eta, class T>
void convert(const Eta& eta, LogProbability<T>& out) {
  Probability<T> probability;
  convert<L>(eta, probability);
  narrow(probability, out);
}

template <class T, template <class> class Mean, int Order>
inline void write_mean(const Mean<T>& mean, Index i, MeanTable<Mean, Order>& table) {
  const auto values = mean.fields();
  for (int f = 0; f < MeanTable<Mean, Order>::fields; ++f) {
    if constexpr (Order > 0) {
      for (int j = 0; j <= Order; ++j) table.coefficients[f][j][i] = values[std::size_t(f)][j];
    } else {
      table.coefficients[f][0][i] = values[std::size_t(f)];
    }
  }
}

template <class L, template <class> class Mean, int Order>
void fill(const double* eta, Index rows, MeanTable<Mean, Order>& table) {
  for (Index i = 0; i < rows; ++i) {
    Mean<Expanded<Seed<Order>>> mean;
    convert<L>(Seed<Order>{eta[i]}, mean);
    write_mean(mean, i, table);
  }
}

/// The exponentials first: what is left is arithmetic alone, several rows at a time.
template <template <class> class Mean, int Order>
void fill_logit(const double* eta, Index rows, MeanTable<Mean, Order>& table) {
  double exponential[kLinkRows];
  for (Index i = 0; i < rows; ++i) exponential[i] = LogitLink::exponential(eta[i]);
  for (Index i = 0; i < rows; ++i) {
    Mean<Expanded<Seed<Order>>> mean;
    narrow(LogitLink::probability(Seed<Order>{eta[i]}, exponential[i]), mean);
    write_mean(mean, i, table);
  }
}

template <class Visit>
auto visit_link(Link link, Visit visit) {
  switch (link) {
    case Link::identity:
      return visit(IdentityLink());
    case Link::log:
      return visit(LogLink());
    case Link::logit:
      return visit(LogitLink());
    case Link::probit:
      return visit(ProbitLink());
    case Link::cloglog:
      return visit(CloglogLink());
    case Link::cauchit:
      return visit(CauchitLink());
    case Link::inverse:
      return visit(InverseLink());
    case Link::sqrt:
      break;
  }
  return visit(SqrtLink());
}

}  // namespace

PredictorUnit link_unit(Link link, double unit) {
  switch (link) {
    case Link::identity:
      return {unit, 0.0};
    case Link::log:
      return {1.0, std::log(unit)};
    case Link::inverse:
      return {1.0 / unit, 0.0};
    case Link::sqrt:
      return {std::sqrt(unit), 0.0};
    default:
      return {};
  }
}

double link_inverse(Link link, double eta) {
  RealMean<double> mean;
  visit_link(link, [&](auto l) { convert<decltype(l)>(Seed<0>{eta}, mean); });
  return mean.mu;
}

double link_inverse_derivative(Link link, double eta) {
  RealMean<Jet<1, 1>> mean;
  visit_link(link, [&](auto l) { convert<decltype(l)>(Seed<1>{eta}, mean); });
  return mean.mu.derivative(0);
}

double link_function(Link link, double mu) {
  return visit_link(link, [mu](auto l) { return decltype(l)::link(mu); });
}

template <template <class> class Mean, int Order>
void fill_means(Link link, const double* eta, Index rows, MeanTable<Mean, Order>& table) {
  if (link == Link::logit) return fill_logit(eta, rows, table);
  visit_link(link, [&](auto l) { fill<decltype(l)>(eta, rows, table); });
}

template void fill_means(Link, const double*, Index, MeanTable<RealMean, 0>&);
template void fill_means(Link, const double*, Index, MeanTable<RealMean, 1>&);
template void fill_means(Link, const double*, Index, MeanTable<RealMean, 2>&);
template void fill_means(Link, const double*, Index, MeanTable<RealMean, 3>&);
template void fill_means(Link, const double*, Index, MeanTable<PositiveMean, 0>&);
template void fill_means(Link, const double*, Index, MeanTable<PositiveMean, 1>&);
template void fill_means(Link, const double*, Index, MeanTable<PositiveMean, 2>&);
template void fill_means(Link, const double*, Index, MeanTable<PositiveMean, 3>&);
template void fill_means(Link, const double*, Index, MeanTable<LogProbability, 0>&);
template void fill_means(Link, const double*, Index, MeanTable<LogProbability, 1>&);
template void fill_means(Link, const double*, Index, MeanTable<LogProbability, 2>&);
template void fill_means(Link, const double*, Index, MeanTable<LogProbability, 3>&);
template void fill_means(Link, const double*, Index, MeanTable<Probability, 0>&);
template void fill_means(Link, const double*, Index, MeanTable<Probability, 1>&);
template void fill_means(Link, const double*, Index, MeanTable<Probability, 2>&);
template void fill_means(Link, const double*, Index, MeanTable<Probability, 3>&);

}  // namespace ranef
