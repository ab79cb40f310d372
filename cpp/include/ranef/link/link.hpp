#pragma once
// The links, chosen at run time for a block of rows.
//
// The switch over links stands outside the loop over rows: it fills a table with the Taylor coefficients in eta of
// the quantities of link/mean.hpp, and the family's loop composes them by the chain rule. So families and links are
// not multiplied out, and neither knows of the other.

#include <array>

#include "ranef/ad/jet.hpp"
#include "ranef/link/mean.hpp"
#include "ranef/types.hpp"

namespace ranef {

enum class Link { identity, log, logit, probit, cloglog, cauchit, inverse, sqrt };

inline constexpr std::array<const char*, 8> kLinkNames = {"identity", "log",     "logit",   "probit",
                                                          "cloglog",  "cauchit", "inverse", "sqrt"};

/// What a linear predictor becomes where the response is measured in another unit: eta = factor * eta' + origin.
struct PredictorUnit {
  double factor = 1.0;
  double origin = 0.0;
};

/// The mean's predictor where y = unit * y'; none for the links of probabilities.
PredictorUnit link_unit(Link link, double unit);

double link_inverse(Link link, double eta);
double link_inverse_derivative(Link link, double eta);
double link_function(Link link, double mu);

/// Rows whose means are evaluated together; a table of four quantities at order 3 stays in the first cache.
inline constexpr Index kLinkRows = 64;

/// Taylor coefficient j of quantity f in eta, for row i: coefficients[f][j][i].
template <template <class> class Mean, int Order>
struct MeanTable {
  static constexpr int fields = int(sizeof(Mean<double>) / sizeof(double));
  double coefficients[fields][Order + 1][kLinkRows];
};

/// Fills the table for `rows` <= kLinkRows rows.
template <template <class> class Mean, int Order>
void fill_means(Link link, const double* eta, Index rows, MeanTable<Mean, Order>& table);

/// Row i of a table as numbers (Order = 0) or as jets in the first predictor.
template <class T, template <class> class Mean, int Order>
inline Mean<T> read_mean(const MeanTable<Mean, Order>& table, Index i) {
  constexpr int fields = MeanTable<Mean, Order>::fields;
  std::array<T, std::size_t(fields)> values;
  for (int f = 0; f < fields; ++f) {
    if constexpr (is_jet_v<T>) {
      for (int j = 0; j <= Order; ++j) values[std::size_t(f)][j] = table.coefficients[f][j][i];
    } else {
      values[std::size_t(f)] = table.coefficients[f][0][i];
    }
  }
  if constexpr (fields == 1) return {values[0]};
  if constexpr (fields == 2) return {values[0], values[1]};
  if constexpr (fields == 4) return {values[0], values[1], values[2], values[3]};
}

}  // namespace ranef
