#pragma once
// The weighted cross products [Z X]' W [Z X] that the penalised Hessian is made of, and where they go.
//
// They are kept before scaling: with A = Z'WZ, the Hessian of the spherical random effects is H = S'AS + Q, and for a
// Gaussian model A is computed once. Blocks exist for every node (diagonal), for every pair of nodes of two terms
// that share a row (`pairs`), and, where fixed effects are solved for together with the random ones, for every node
// with the dense border.

#include <vector>

#include "ranef/linalg/cholesky.hpp"
#include "ranef/model/random_term.hpp"

namespace ranef {

/// Blocks between the nodes of two terms: rows belong to `first`, columns to `second`.
struct TermPair {
  int first;
  int second;
  std::vector<int> first_node, second_node;  ///< of every block
  std::vector<int> block;                    ///< of every row of data
  std::vector<BlockPlace> place;             ///< oriented so that row and column are those of this pair
};

/// Which blocks exist for a set of terms and a border, and their places in H. Computed once a model.
class CrossProductLayout {
 public:
  CrossProductLayout(const std::vector<RandomTerm>& terms, Index rows, int border);
  /// Of the same terms with another border: in the same order of elimination, which is dear to find.
  CrossProductLayout(const std::vector<RandomTerm>& terms, const CrossProductLayout& other, int border);

  const std::vector<TermPair>& pairs() const { return pairs_; }
  const EliminationPattern& pattern() const { return pattern_; }
  int border() const { return pattern_.border(); }
  /// First coordinate, in H's order of elimination, of every node of a term.
  const std::vector<int>& coordinate(int term) const { return coordinate_[term]; }
  const std::vector<BlockPlace>& diagonal(int term) const { return diagonal_[term]; }
  const std::vector<BlockPlace>& border_rows(int term) const { return border_rows_[term]; }
  /// Blocks between successive entries of the series of a term with a serial precision, by (level, time).
  const std::vector<BlockPlace>& series_link(int term) const { return series_link_[term]; }

 private:
  void place_blocks(const std::vector<RandomTerm>& terms);
  static std::vector<TermPair> find_pairs(const std::vector<RandomTerm>& terms, Index rows);
  static BlockGraph graph(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs, int border);

  std::vector<TermPair> pairs_;
  EliminationPattern pattern_;
  std::vector<std::vector<int>> coordinate_;
  std::vector<std::vector<BlockPlace>> diagonal_, border_rows_, series_link_;
};

/// Values of the blocks.
struct CrossProducts {
  std::vector<Vector> diagonal;  ///< per term: nodes x width x width
  std::vector<Vector> pair;      ///< per pair: blocks x width(first) x width(second), row by row
  std::vector<Vector> border;    ///< per term: nodes x width x border
  Matrix border_gram;            ///< border x border, lower triangle

  CrossProducts(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs, int border);
  CrossProducts(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout)
      : CrossProducts(terms, layout.pairs(), layout.border()) {}
  void set_zero();
};

/// How rows weigh in: weight(packed_index(k, l)) is the row array of W_kl of predictors k >= l.
using RowWeights = std::array<const double*, packed_size(kMaxPredictors)>;

/// Adds the rows begin..end to the blocks between random terms; weights[...][i - begin].
void accumulate_random_blocks(const std::vector<RandomTerm>& terms, const std::vector<TermPair>& pairs,
                              const RowWeights& weights, Index begin, Index end, CrossProducts& out);

/// Adds rows begin..end to the blocks of one term with the border: Z' diag(w) X; x is the border's rows, row by row.
void accumulate_border_blocks(const RandomTerm& term, const double* weights, const double* x, int border, Index begin,
                              Index end, Vector& out);

}  // namespace ranef
