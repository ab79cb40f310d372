#include "ranef/linalg/width_dispatch.hpp"
#include "ranef/objective/reliability.hpp"
#include "ranef/objective/scaled_system.hpp"

namespace ranef {

namespace {

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

}  // namespace

ScaledSystem::Information ScaledSystem::approximate_information() const {
  Information out{Matrix::Zero(theta_size(), theta_size()), Vector::Zero(theta_size())};
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RandomTerm& term = (*terms_)[t];
    const ReliabilityMoments k = dispatch_width(term.width, [&](auto w) {
      return reliability_moments(layout_->diagonal(static_cast<int>(t)), inverse_.values().data(), w);
    });
    const Vector own = theta(t);
    const TermInformation of_term = term_information(*term.covariance, own, scales_[t], k);
    const Index at = theta_offset_[t];
    out.slope.segment(at, own.size()) = of_term.slope;
    out.information.block(at, at, own.size(), own.size()) = of_term.information;
    out.information.diagonal().segment(at, own.size()).array() += least_information(own);
    if (term.series > 1) {  // the autocorrelation's own information, (T - 1) / (1 + x^2)^2 a level
      const double x = own[1], share = k.first(0, 0) / term.node_count();
      out.information(at + 1, at + 1) +=
          term.level_count * (term.series - 1) * share * share / ((1.0 + x * x) * (1.0 + x * x));
    }
  }
  return out;
}

}  // namespace ranef
