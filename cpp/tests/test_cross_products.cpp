// Blocks of [Z X]' W [Z X] against dense products, for terms of every kind and
// in two predictors.

#include "ranef/model/cross_products.hpp"

#include <string>
#include <vector>

#include "support/dense_model.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr Index kRows = 80;
constexpr int kBorder = 3;
constexpr double kExact = 1e-12;

/// All kinds in the mean; slopes wider than any unrolled kernel and an
/// intercept in the second predictor.
std::vector<RandomTerm> terms() {
  Draws draws(12);
  std::vector<RandomTermInput> inputs = terms_of_every_kind(kRows, draws.uniforms(kRows), draws);
  const Matrix wide = Matrix::NullaryExpr(kRows, 6, [&] { return draws.uniform(); });
  inputs.push_back(slope_term(random_levels(kRows, 4, draws), 4, wide, "diag", 1));
  inputs.push_back(intercept_term(random_levels(kRows, 8, draws), 8, 1));
  std::vector<RandomTerm> out;
  for (RandomTermInput& input : inputs) out.push_back(make_random_term(std::move(input)));
  return out;
}

/// Rows weigh in by W_00, W_10 and W_11.
struct Subject {
  std::vector<RandomTerm> terms = test_terms();
  CrossProductLayout layout{terms, kRows, kBorder};
  CrossProducts products{terms, layout};
  std::vector<Vector> weight;
  RowMatrix x;

  Subject() {
    Draws draws(31);
    for (int c = 0; c < packed_size(2); ++c) weight.push_back(draws.uniforms(kRows));
    x = RowMatrix::NullaryExpr(kRows, kBorder, [&] { return draws.uniform(); });
  }

  void accumulate(Index block) {
    products.set_zero();
    for (Index begin = 0; begin < kRows; begin += block) {
      const Index end = std::min(begin + block, kRows);
      RowWeights weights{};
      for (std::size_t c = 0; c < weight.size(); ++c) weights[c] = weight[c].data() + begin;
      accumulate_random_blocks(terms, layout.pairs(), weights, begin, end, products);
      for (std::size_t t = 0; t < terms.size(); ++t)
        accumulate_border_blocks(terms[t], weights[std::size_t(packed_index(terms[t].predictor, 0))],
                                 x.data() + begin * kBorder, kBorder, begin, end, products.border[t]);
    }
  }

  Matrix dense(std::size_t a, std::size_t b) const {
    const int high = std::max(terms[a].predictor, terms[b].predictor);
    const int low = std::min(terms[a].predictor, terms[b].predictor);
    return dense_design(terms[a]).transpose() * weight[std::size_t(packed_index(high, low))].asDiagonal() *
           dense_design(terms[b]);
  }

 private:
  static std::vector<RandomTerm> test_terms() { return ::terms(); }
};

void check_diagonal_blocks(const Subject& subject) {
  for (std::size_t t = 0; t < subject.terms.size(); ++t) {
    const Index w = subject.terms[t].width;
    const Matrix dense = subject.dense(t, t);
    for (Index node = 0; node < subject.terms[t].node_count(); ++node) {
      const Eigen::Map<const RowMatrix> block(subject.products.diagonal[t].data() + node * w * w, w, w);
      check_near_matrix(block, dense.block(node * w, node * w, w, w), kExact, "diagonal block");
    }
  }
}

/// The blocks of a pair hold all that is not zero in Z_a' W Z_b.
void check_pair_blocks(const Subject& subject) {
  for (std::size_t p = 0; p < subject.layout.pairs().size(); ++p) {
    const TermPair& pair = subject.layout.pairs()[p];
    const Index wa = subject.terms[std::size_t(pair.first)].width, wb = subject.terms[std::size_t(pair.second)].width;
    const Matrix dense = subject.dense(std::size_t(pair.first), std::size_t(pair.second));
    Matrix stored = Matrix::Zero(dense.rows(), dense.cols());
    for (std::size_t k = 0; k < pair.first_node.size(); ++k)
      stored.block(pair.first_node[k] * wa, pair.second_node[k] * wb, wa, wb) +=
          Eigen::Map<const RowMatrix>(subject.products.pair[p].data() + Index(k) * wa * wb, wa, wb);
    check_near_matrix(stored, dense, kExact, "pair " + std::to_string(p));
    for (std::size_t i = 0; i < std::size_t(kRows); ++i) {
      const std::size_t k = std::size_t(pair.block[i]);
      check(pair.first_node[k] == subject.terms[std::size_t(pair.first)].node[i] &&
                pair.second_node[k] == subject.terms[std::size_t(pair.second)].node[i],
            "block of row " + std::to_string(i));
    }
  }
}

void check_border_blocks(const Subject& subject) {
  for (std::size_t t = 0; t < subject.terms.size(); ++t) {
    const Vector& weight = subject.weight[std::size_t(packed_index(subject.terms[t].predictor, 0))];
    const Matrix dense = dense_design(subject.terms[t]).transpose() * weight.asDiagonal() * subject.x;
    const Eigen::Map<const RowMatrix> stored(subject.products.border[t].data(), dense.rows(), kBorder);
    check_near_matrix(stored, dense, kExact, "border of term " + std::to_string(t));
  }
}

/// Every block has a place of its own in H, with the rows and columns it
/// claims.
void check_places(const Subject& subject) {
  std::vector<int> taken(std::size_t(subject.layout.pattern().value_count()), 0);
  const auto take = [&](const BlockPlace& place, Index rows, Index cols) {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < cols; ++j) ++taken[std::size_t(place.offset + i * place.row_stride + j * place.col_stride)];
  };
  for (std::size_t t = 0; t < subject.terms.size(); ++t) {
    const Index w = subject.terms[t].width;
    for (const BlockPlace& place : subject.layout.diagonal(int(t))) take(place, w, w);
    for (const BlockPlace& place : subject.layout.border_rows(int(t))) take(place, kBorder, w);
    for (const BlockPlace& place : subject.layout.series_link(int(t))) take(place, w, w);
    const std::size_t links =
        subject.terms[t].series > 1 ? std::size_t(subject.terms[t].level_count * (subject.terms[t].series - 1)) : 0;
    check(subject.layout.series_link(int(t)).size() == links, "links of term " + std::to_string(t));
  }
  for (const TermPair& pair : subject.layout.pairs())
    for (const BlockPlace& place : pair.place)
      take(place, subject.terms[std::size_t(pair.first)].width, subject.terms[std::size_t(pair.second)].width);
  for (const int count : taken) check(count <= 1, "no place is used twice");
}

}  // namespace

int main() {
  for (const Index block : {kRows, Index(13), Index(1)})
    run("blocks are those of the dense products, in steps of " + std::to_string(block) + " rows", [&] {
      Subject subject;
      subject.accumulate(block);
      check_diagonal_blocks(subject);
      check_pair_blocks(subject);
      check_border_blocks(subject);
    });
  run("places in H are disjoint", [] { check_places(Subject()); });
  return finish();
}
