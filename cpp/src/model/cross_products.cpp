#include "ranef/model/cross_products.hpp"

#include <array>
#include <numeric>

#include "ranef/linalg/width_dispatch.hpp"

namespace ranef {

namespace {

/// First global node of every term.
std::vector<int> first_nodes(const std::vector<RandomTerm>& terms) {
  std::vector<int> first{0};
  for (const RandomTerm& term : terms) first.push_back(first.back() + term.node_count());
  return first;
}

/// Rows ordered by node: rows of node g at order[offset[g]] .. order[offset[g + 1] - 1].
struct RowsByNode {
  std::vector<int> offset, order;

  explicit RowsByNode(const RandomTerm& term) : offset(term.node_count() + 1, 0), order(term.node.size()) {
    for (int g : term.node) ++offset[g + 1];
    std::partial_sum(offset.begin(), offset.end(), offset.begin());
    std::vector<int> next(offset.begin(), offset.end() - 1);
    for (std::size_t i = 0; i < order.size(); ++i) order[next[term.node[i]]++] = static_cast<int>(i);
  }
};

TermPair find_pair(int first, int second, const RandomTerm& a, const RandomTerm& b, const RowsByNode& rows) {
  TermPair pair{first, second, {}, {}, std::vector<int>(a.node.size()), {}};
  std::vector<int> seen_in(b.node_count(), -1), block(b.node_count());
  for (int g = 0; g < a.node_count(); ++g)
    for (int k = rows.offset[g]; k < rows.offset[g + 1]; ++k) {
      const int row = rows.order[k], other = b.node[row];
      if (seen_in[other] != g) {
        seen_in[other] = g;
        block[other] = static_cast<int>(pair.first_node.size());
        pair.first_node.push_back(g);
        pair.second_node.push_back(other);
      }
      pair.block[row] = block[other];
    }
  return pair;
}

}  // namespace

std::vector<TermPair> CrossProductLayout::find_pairs(const std::vector<RandomTerm>& terms, Index rows) {
  std::vector<TermPair> pairs;
  if (rows == 0) return pairs;
  for (std::size_t a = 0; a + 1 < terms.size(); ++a) {
    const RowsByNode by_node(terms[a]);
    for (std::size_t b = a + 1; b < terms.size(); ++b)
      pairs.push_back(find_pair(static_cast<int>(a), static_cast<int>(b), terms[a], terms[b], by_node));
  }
  return pairs;
}

BlockGraph CrossProductLayout::graph(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs,
                                     int border) {
  BlockGraph graph;
  graph.border = border;
  const std::vector<int> first = first_nodes(terms);
  for (std::size_t t = 0; t < terms.size(); ++t) {
    graph.width.insert(graph.width.end(), terms[t].node_count(), terms[t].width);
    graph.group_size.push_back(terms[t].node_count());
    for (int level = 0; terms[t].series > 1 && level < terms[t].level_count; ++level)
      for (int time = 1; time < terms[t].series; ++time) {
        const int node = first[t] + level * terms[t].series + time;
        graph.edges.emplace_back(node - 1, node);
      }
  }
  for (const TermPair& pair : pairs)
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      graph.edges.emplace_back(first[pair.first] + pair.first_node[k], first[pair.second] + pair.second_node[k]);
  return graph;
}

CrossProductLayout::CrossProductLayout(const std::vector<RandomTerm>& terms, Index rows, int border)
    : pairs_(find_pairs(terms, rows)), pattern_(graph(terms, pairs_, border)) {
  place_blocks(terms);
}

CrossProductLayout::CrossProductLayout(const std::vector<RandomTerm>& terms, const CrossProductLayout& other,
                                       int border)
    : pairs_(other.pairs_), pattern_(graph(terms, pairs_, border), other.pattern_.plan()) {
  place_blocks(terms);
}

void CrossProductLayout::place_blocks(const std::vector<RandomTerm>& terms) {
  const std::vector<int> first = first_nodes(terms);
  /// Block of two nodes with the rows of `row_node`, whichever of the two is eliminated first.
  auto place = [this](int row_node, int col_node) {
    if (pattern_.comes_before(col_node, row_node)) return pattern_.below(row_node, col_node);
    const BlockPlace stored = pattern_.below(col_node, row_node);
    return BlockPlace{stored.offset, stored.col_stride, stored.row_stride};
  };
  for (TermPair& pair : pairs_) {
    pair.place.clear();
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      pair.place.push_back(place(first[pair.first] + pair.first_node[k], first[pair.second] + pair.second_node[k]));
  }

  coordinate_.resize(terms.size());
  diagonal_.resize(terms.size());
  border_rows_.resize(terms.size());
  series_link_.resize(terms.size());
  for (std::size_t t = 0; t < terms.size(); ++t)
    for (int g = 0; g < terms[t].node_count(); ++g) {
      const int node = first[t] + g;
      coordinate_[t].push_back(pattern_.start(node));
      diagonal_[t].push_back(pattern_.diagonal(node));
      if (border() > 0) border_rows_[t].push_back(pattern_.border_rows(node));
      if (terms[t].series > 1 && g % terms[t].series > 0) series_link_[t].push_back(place(node, node - 1));
    }
}

CrossProducts::CrossProducts(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs, int columns)
    : border_gram(Matrix::Zero(columns, columns)) {
  for (const RandomTerm& term : terms) {
    const Index nodes = term.node_count(), w = term.width;
    diagonal.push_back(Vector::Zero(nodes * w * w));
    border.push_back(Vector::Zero(nodes * w * columns));
  }
  for (const TermPair& p : pairs)
    pair.push_back(
        Vector::Zero(static_cast<Index>(p.first_node.size()) * terms[p.first].width * terms[p.second].width));
}

void CrossProducts::set_zero() {
  for (Vector& v : diagonal) v.setZero();
  for (Vector& v : pair) v.setZero();
  for (Vector& v : border) v.setZero();
  border_gram.setZero();
}

namespace {

template <class Width>
void accumulate_dense_diagonal(const RandomTerm& term, const double* weight, Index begin, Index end, double* out,
                               Width w) {
  const double* z = term.basis.data() + begin * w;
  for (Index i = begin; i < end;) {
    const int current = term.node[i];
    std::array<double, kMaxUnrolledWidth * kMaxUnrolledWidth> sum{};
    for (; i < end && term.node[i] == current; ++i, z += w)
      for (int a = 0; a < w; ++a)
        for (int b = 0; b < w; ++b) sum[a * w + b] += weight[i - begin] * z[a] * z[b];
    double* block = out + Index(current) * w * w;
    for (int k = 0; k < w * w; ++k) block[k] += sum[k];
  }
}

void accumulate_wide_diagonal(const RandomTerm& term, const double* weight, Index begin, Index end, double* out) {
  const Index w = term.width;
  const double* z = term.basis.data() + begin * w;
  for (Index i = begin; i < end; ++i, z += w) {
    double* block = out + term.node[i] * w * w;
    for (Index a = 0; a < w; ++a) {
      const double wz = weight[i - begin] * z[a];
      for (Index b = 0; b < w; ++b) block[a * w + b] += wz * z[b];
    }
  }
}

void accumulate_diagonal(const RandomTerm& term, const double* weight, Index begin, Index end, double* out) {
  const Index w = term.width;
  if (term.kind == BasisKind::intercept) {
    for (Index i = begin; i < end;) {
      const int current = term.node[i];
      double sum = 0.0;
      for (; i < end && term.node[i] == current; ++i) sum += weight[i - begin];
      out[current] += sum;
    }
  } else if (term.kind == BasisKind::indicator) {
    for (Index i = begin; i < end; ++i) out[term.node[i] * w * w + term.column[i] * (w + 1)] += weight[i - begin];
  } else if (term.width > kMaxUnrolledWidth) {
    accumulate_wide_diagonal(term, weight, begin, end, out);
  } else {
    dispatch_width(term.width, [&](auto w) { accumulate_dense_diagonal(term, weight, begin, end, out, w); });
  }
}

void accumulate_pair(const RandomTerm& a, const RandomTerm& b, const TermPair& pair, const double* weight, Index begin,
                     Index end, double* out) {
  if (a.kind == BasisKind::intercept && b.kind == BasisKind::intercept) {
    for (Index i = begin; i < end; ++i) out[pair.block[i]] += weight[i - begin];
    return;
  }
  const Index size = Index(a.width) * b.width;
  for (Index i = begin; i < end; ++i) {
    const RowValues za = row_values(a, i), zb = row_values(b, i);
    double* block = out + pair.block[i] * size + za.first * b.width + zb.first;
    for (int j = 0; j < za.count; ++j)
      for (int k = 0; k < zb.count; ++k) block[j * b.width + k] += weight[i - begin] * za.values[j] * zb.values[k];
  }
}

/// Rows of one node mostly stand together: their sums are kept in registers. z: null for an intercept.
template <class Width, class Border>
void accumulate_border_runs(const int* node, const double* z, const double* weights, const double* x, Index count,
                            double* out, Width w, Border border) {
  for (Index i = 0; i < count;) {
    const int current = node[i];
    std::array<double, kMaxUnrolledWidth * kMaxUnrolledWidth> sum{};
    for (; i < count && node[i] == current; ++i, x += border) {
      for (int j = 0; j < w; ++j) {
        const double wz = z == nullptr ? weights[i] : weights[i] * z[i * w + j];
        for (int k = 0; k < border; ++k) sum[j * border + k] += wz * x[k];
      }
    }
    double* block = out + Index(current) * w * border;
    for (int k = 0; k < w * border; ++k) block[k] += sum[k];
  }
}

}  // namespace

void accumulate_random_blocks(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs,
                              const RowWeights& weights, Index begin, Index end, CrossProducts& out) {
  for (std::size_t t = 0; t < terms.size(); ++t)
    accumulate_diagonal(terms[t], weights[packed_index(terms[t].predictor, terms[t].predictor)], begin, end,
                        out.diagonal[t].data());
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const TermPair& pair = pairs[p];
    const RandomTerm &a = terms[pair.first], &b = terms[pair.second];
    const int high = std::max(a.predictor, b.predictor), low = std::min(a.predictor, b.predictor);
    accumulate_pair(a, b, pair, weights[packed_index(high, low)], begin, end, out.pair[p].data());
  }
}

void accumulate_border_blocks(const RandomTerm& term, const double* weights, const double* x, int border, Index begin,
                              Index end, Vector& out) {
  const Index w = term.width;
  if (term.kind != BasisKind::indicator && std::max<Index>(w, border) <= kMaxUnrolledWidth) {
    const double* z = term.kind == BasisKind::dense ? term.basis.data() + begin * w : nullptr;
    dispatch_width(term.width, [&](auto width) {
      dispatch_width(border, [&](auto columns) {
        accumulate_border_runs(term.node.data() + begin, z, weights, x, end - begin, out.data(), width, columns);
      });
    });
    return;
  }
  for (Index i = begin; i < end; ++i, x += border) {
    const RowValues z = row_values(term, i);
    for (int j = 0; j < z.count; ++j) {
      double* block = out.data() + (term.node[i] * w + z.first + j) * border;
      const double wz = weights[i - begin] * z.values[j];
      for (int k = 0; k < border; ++k) block[k] += wz * x[k];
    }
  }
}

}  // namespace ranef
