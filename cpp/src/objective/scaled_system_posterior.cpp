#include "ranef/objective/scaled_system.hpp"

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

void ScaledSystem::posterior_blocks(int border, CrossProducts& out) const {
  const double* z = inverse_.values().data();
  for (std::size_t t = 0; t < terms_->size(); ++t) {
    const RowMatrix s = scales_[t];
    const int index = static_cast<int>(t);
    dispatch_width((*terms_)[t].width, [&](auto w) {
      double* block = out.diagonal[t].data();
      for (const BlockPlace& place : layout_->diagonal(index)) {
        for (int i = 0; i < w; ++i)
          for (int j = 0; j < w; ++j) {
            double sum = 0.0;
            for (int k = 0; k <= i; ++k)
              for (int l = 0; l <= j; ++l)
                sum += s(i, k) * z[place.offset + k * place.row_stride + l * place.col_stride] * s(j, l);
            block[i * w + j] = sum;
          }
        block += w * w;
      }
    });
    if (border == 0) continue;
    const Index w = s.rows();
    double* block = out.border[t].data();
    for (const BlockPlace& place : layout_->border_rows(index)) {
      for (Index i = 0; i < w; ++i)
        for (int j = 0; j < border; ++j) {
          double sum = 0.0;
          for (Index k = 0; k <= i; ++k) sum += s(i, k) * z[place.offset + j * place.row_stride + k * place.col_stride];
          block[i * border + j] = sum;
        }
      block += w * border;
    }
  }
  for (std::size_t p = 0; p < layout_->pairs().size(); ++p) {
    const TermPair& pair = layout_->pairs()[p];
    const Matrix &sa = scales_[pair.first], &sb = scales_[pair.second];
    double* block = out.pair[p].data();
    if (sa.size() == 1 && sb.size() == 1) {
      const double factor = sa(0, 0) * sb(0, 0);
      for (std::size_t k = 0; k < pair.place.size(); ++k) block[k] = factor * z[pair.place[k].offset];
      continue;
    }
    for (const BlockPlace& place : pair.place)
      for (Index i = 0; i < sa.rows(); ++i)
        for (Index j = 0; j < sb.rows(); ++j) {
          double sum = 0.0;
          for (Index k = 0; k <= i; ++k)
            for (Index l = 0; l <= j; ++l)
              sum += sa(i, k) * z[place.offset + k * place.row_stride + l * place.col_stride] * sb(j, l);
          *block++ = sum;
        }
  }
  if (border > 0) {
    const EliminationPattern& pattern = layout_->pattern();
    const std::int64_t order = pattern.tail_order(), first = order - pattern.border();
    for (int i = 0; i < border; ++i)
      for (int j = 0; j < border; ++j)
        out.border_gram(i, j) = z[pattern.tail_offset() + first + i + (first + j) * order];
  }
}

}  // namespace ranef
