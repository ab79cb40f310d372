#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <algorithm>
#include <cmath>

#include "ranef/model/gaussian_products.hpp"

namespace ranef {

namespace {

constexpr double kSmallestSd = 0.05, kLargestSd = 3.0;  // relative standard deviations worth starting from
/// The least eigenvalue of a correlation matrix worth starting from.
constexpr double kLeastEigenvalue = 0.1;

/// The unknowns: variances of every term's columns, covariances too where the structure has them free, and sigma^2.
struct Unknowns {
  std::vector<Index> first{0};
  std::vector<bool> correlated;

  explicit Unknowns(const std::vector<RandomTerm>& terms) {
    for (const RandomTerm& term : terms) {
      correlated.push_back(term.covariance->basis_freedom() == BasisFreedom::full);
      first.push_back(first.back() + (correlated.back() ? packed_size(term.width) : term.width));
    }
  }
  Index residual() const { return first.back(); }
  Index count() const { return first.back() + 1; }
  /// Of columns j <= i of a term.
  Index place(int term, int i, int j) const { return first[term] + (correlated[term] ? packed_index(i, j) : i); }
};

struct Equations {
  Matrix left;
  Vector right;
};

/// Calls visit(i, j) for the unknown entries of a block.
template <class Visit>
void for_each_entry(int width, bool correlated, Visit visit) {
  for (int i = 0; i < width; ++i)
    for (int j = correlated ? 0 : i; j <= i; ++j) visit(i, j);
}

/// Of q_i q_j in a level with cross products A; zero where a column is.
double weight(const double* a, int width, int i, int j) {
  const double of_i = a[i * width + i], of_j = a[j * width + j];
  if (!(of_i > 0.0 && of_j > 0.0)) return 0.0;
  return i == j ? 1.0 / of_i : 1.0 / std::sqrt(of_i * of_j);
}

void add_own_equations(const RandomTerm& term, int t, const Unknowns& unknowns, const CrossProducts& blocks,
                       Index border, Equations& out) {
  const int w = term.width;
  const bool correlated = unknowns.correlated[t];
  const double *a = blocks.diagonal[t].data(), *q = blocks.border[t].data() + border - 1;
  for (int g = 0; g < term.node_count(); ++g, a += w * w, q += w * border)
    for_each_entry(w, correlated, [&](int i, int j) {
      const Index row = unknowns.place(t, i, j);
      const double weight_ij = weight(a, w, i, j);
      out.right[row] += weight_ij * q[i * border] * q[j * border];
      out.left(row, unknowns.residual()) += weight_ij * a[i * w + j];
      out.left(unknowns.residual(), row) += (i == j ? 1.0 : 2.0) * a[i * w + j];
      for_each_entry(w, correlated, [&](int k, int l) {
        const double both = a[i * w + k] * a[j * w + l] + (k == l ? 0.0 : a[i * w + l] * a[j * w + k]);
        out.left(row, unknowns.place(t, k, l)) += weight_ij * both;
      });
    });
}

/// One side of a block of cross products between two terms.
struct PairSide {
  int term, node, width;
  int stride;  ///< from one of its columns to the next
};

/// What the variances of `other` add to the expectations of the statistics of `own`.
void add_pair_equations(const CrossProducts& blocks, const Unknowns& unknowns, const PairSide& own,
                        const PairSide& other, const double* block, Equations& out) {
  const double* a = blocks.diagonal[own.term].data() + Index(own.node) * own.width * own.width;
  for_each_entry(own.width, unknowns.correlated[own.term], [&](int i, int j) {
    const Index row = unknowns.place(own.term, i, j);
    const double weight_ij = weight(a, own.width, i, j);
    for (int k = 0; k < other.width; ++k)
      out.left(row, unknowns.place(other.term, k, k)) +=
          weight_ij * block[i * own.stride + k * other.stride] * block[j * own.stride + k * other.stride];
  });
}

/// Standard deviations, then correlations: of a start that is neither singular nor wild.
Vector admissible(const RandomTerm& term, const Vector& estimates, bool correlated) {
  const int w = term.width;
  const auto variance = [&](int j) { return estimates[correlated ? packed_index(j, j) : j]; };
  Vector sds(w);
  for (int j = 0; j < w; ++j)
    sds[j] = std::min(std::max(std::sqrt(std::max(variance(j), 0.0)), kSmallestSd), kLargestSd);
  if (!correlated || w == 1) return sds;
  Matrix correlation = Matrix::Identity(w, w);
  for (int i = 1; i < w; ++i)
    for (int j = 0; j < i; ++j)
      correlation(i, j) = correlation(j, i) =
          std::min(std::max(estimates[packed_index(i, j)] / (sds[i] * sds[j]), -1.0), 1.0);
  const double least = Eigen::SelfAdjointEigenSolver<Matrix>(correlation).eigenvalues()[0];
  const double share = least < kLeastEigenvalue ? (1.0 - kLeastEigenvalue) / (1.0 - least) : 1.0;
  Vector out(packed_size(w));
  out.head(w) = sds;
  Index next = w;
  for (int i = 1; i < w; ++i)
    for (int j = 0; j < i; ++j) out[next++] = share * correlation(i, j);
  return out;
}

}  // namespace

/// With q = Z'Wy of a level, A = Z'WZ and C_u = Z'W Z_u of every level u of every term, its own among them,
///
///     E q_i q_j = sigma^2 a_ij + sum over u of (C_u Sigma_u C_u')_ij
///     E y'Wy = n sigma^2 + sum over u of tr(A_u Sigma_u)
///
/// summed over levels with the weights (a_ii a_jj)^-1/2: linear equations for variances and covariances. The
/// covariances of other terms than the level's own are left out.
Vector moment_start(const Model& model, const std::vector<TermPair>& pairs, const CrossProducts& blocks) {
  const auto& terms = model.terms();
  const Index border = model.predictors()[0].columns() + 1;
  const Unknowns unknowns(terms);
  Equations equations{Matrix::Zero(unknowns.count(), unknowns.count()), Vector::Zero(unknowns.count())};
  for (std::size_t t = 0; t < terms.size(); ++t)
    add_own_equations(terms[t], static_cast<int>(t), unknowns, blocks, border, equations);
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    const TermPair& pair = pairs[p];
    const int wa = terms[pair.first].width, wb = terms[pair.second].width;
    const double* block = blocks.pair[p].data();
    for (std::size_t k = 0; k < pair.first_node.size(); ++k, block += wa * wb) {
      const PairSide first{pair.first, pair.first_node[k], wa, wb}, second{pair.second, pair.second_node[k], wb, 1};
      add_pair_equations(blocks, unknowns, first, second, block, equations);
      add_pair_equations(blocks, unknowns, second, first, block, equations);
    }
  }
  equations.right[unknowns.residual()] = blocks.border_gram(border - 1, border - 1);
  equations.left(unknowns.residual(), unknowns.residual()) = model.weight_total();
  const Vector found = equations.left.completeOrthogonalDecomposition().solve(equations.right);
  const double least = 0.05 * equations.right[unknowns.residual()] / model.weight_total();
  const double residual = std::max(found[unknowns.residual()], least);

  std::vector<Vector> starts;
  Index size = 0;
  for (std::size_t t = 0; t < terms.size(); ++t) {
    const Covariance& covariance = *terms[t].covariance;
    const Index count = unknowns.first[t + 1] - unknowns.first[t];
    const Vector reported =
        admissible(terms[t], found.segment(unknowns.first[t], count) / residual, unknowns.correlated[t]);
    const int w = terms[t].width;
    starts.push_back(unknowns.correlated[t] ? covariance.from_report(reported, Matrix::Identity(w, w))
                                            : covariance.start(reported));
    size += starts.back().size();
  }
  Vector theta(size);
  Index at = 0;
  for (const Vector& start : starts) {
    theta.segment(at, start.size()) = start;
    at += start.size();
  }
  return theta;
}

}  // namespace ranef
