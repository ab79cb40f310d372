#include "ranef/objective/scaled_system.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

/// Sums over the nodes of a term of K and of K (x) K, K = I - Z: w x w and, by entry pairs, w^2 x w^2.
struct ReliabilityMoments {
  Matrix first, second;
};

template <class Width>
ReliabilityMoments reliability_moments(const std::vector<BlockPlace>& places, const double* z, Width w) {
  const Index size = Index(w) * w;
  std::vector<double> k(size), first(size, 0.0), second(size * size, 0.0);
  for (const BlockPlace& place : places) {
    for (int i = 0; i < w; ++i)
      for (int j = 0; j < w; ++j)
        k[i * w + j] = (i == j ? 1.0 : 0.0) - z[place.offset + i * place.row_stride + j * place.col_stride];
    for (int a = 0; a < w * w; ++a) {
      first[a] += k[a];
      for (int b = 0; b < w * w; ++b) second[a * (w * w) + b] += k[a] * k[b];
    }
  }
  return {Eigen::Map<const Matrix>(first.data(), w, w), Eigen::Map<const Matrix>(second.data(), size, size)};
}

/// sum over nodes of tr(K F K G), all symmetric.
double trace_product(const Matrix& second, const Matrix& f, const Matrix& g) {
  const Index w = f.rows();
  double sum = 0.0;
  for (Index a = 0; a < w; ++a)
    for (Index b = 0; b < w; ++b)
      for (Index c = 0; c < w; ++c)
        for (Index d = 0; d < w; ++d) sum += second(a * w + b, c * w + d) * f(b, c) * g(d, a);
  return sum;
}

}  // namespace

ScaledSystem::Information ScaledSystem::approximate_information() const {
  constexpr double kFloor = 1e-3;  // a term the data say nothing about still gets a finite first step
  Information out{Matrix::Zero(theta_size(), theta_size()), Vector::Zero(theta_size())};
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const ReliabilityMoments k = dispatch_width(term.width, [&](auto w) {
      return reliability_moments(layout_->diagonal(static_cast<int>(t)), inverse_.values().data(), w);
    });
    const Vector own = theta(t);
    Matrix regular = scales_[t];
    for (Index j = 0; j < term.width; ++j)
      if (std::abs(regular(j, j)) < kFloor) regular(j, j) = kFloor;
    const Matrix inverse = regular.inverse();
    std::vector<Matrix> relative;
    for (Index p = 0; p < own.size(); ++p) {
      const Matrix e = inverse * term.covariance->scale_derivative(own, static_cast<int>(p));
      relative.push_back(e + e.transpose());
    }
    const Index at = theta_offset_[t];
    for (Index p = 0; p < own.size(); ++p) {
      out.slope[at + p] = 0.5 * k.first.cwiseProduct(relative[p]).sum();
      for (Index q = 0; q <= p; ++q)
        out.information(at + p, at + q) = out.information(at + q, at + p) =
            0.5 * trace_product(k.second, relative[p], relative[q]);
    }
    if (term.series > 1) {  // the autocorrelation's own information, (T - 1) / (1 + x^2)^2 a level
      const double x = own[1], share = k.first(0, 0) / term.node_count();
      out.information(at + 1, at + 1) +=
          term.level_count * (term.series - 1) * share * share / ((1.0 + x * x) * (1.0 + x * x));
    }
  }
  out.information.diagonal().array() += kFloor;
  return out;
}

}  // namespace ranef
