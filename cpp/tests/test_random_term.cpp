// Random terms: the design they stand for, and products with it.

#include "ranef/model/random_term.hpp"

#include <stdexcept>
#include <string>

#include "support/dense_model.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr Index kRows = 50;
constexpr double kExact = 1e-12;

struct Subject {
  std::string name;
  RandomTermInput input;
};

std::vector<Subject> subjects() {
  Draws draws(3);
  std::vector<Subject> out;
  out.push_back({"intercept", intercept_term(random_levels(kRows, 7, draws), 7)});
  for (const std::string structure : {"us", "diag", "homdiag", "cs"}) {
    for (const int width : {1, 2, 3, 4, 6}) {
      Matrix basis = Matrix::NullaryExpr(kRows, width, [&] { return draws.uniform() + 0.5; });
      basis.col(0).setOnes();
      out.push_back({structure + " of " + std::to_string(width) + " columns",
                     slope_term(random_levels(kRows, 7, draws), 7, basis, structure)});
    }
    out.push_back({structure + " of indicators",
                   indicator_term(random_levels(kRows, 7, draws), 7, random_levels(kRows, 3, draws), 3, structure)});
  }
  out.push_back(
      {"series", indicator_term(random_levels(kRows, 4, draws), 4, random_levels(kRows, 5, draws), 5, "ar1")});
  return out;
}

template <class Law>
void for_every_subject(const std::string& law, Law test) {
  for (const Subject& subject : subjects()) run(subject.name + ": " + law, [&] { test(subject.input); });
}

/// Z as the caller described it: rows of the basis, or an indicator, in the
/// columns of the row's level.
Matrix user_design(const RandomTermInput& input, Index width) {
  Matrix z = Matrix::Zero(kRows, input.level_count * width);
  for (Index i = 0; i < kRows; ++i) {
    const Index first = input.levels[std::size_t(i)] * width;
    if (!input.column.empty()) {
      z(i, first + input.column[std::size_t(i)]) = 1.0;
    } else if (input.basis.size() > 0) {
      z.row(i).segment(first, width) = input.basis.row(i);
    } else {
      z(i, first) = 1.0;
    }
  }
  return z;
}

/// Z_ours b = Z_user (to_user b), for every level.
void keeps_the_design(const RandomTermInput& input) {
  for (const bool keep : {false, true}) {
    const RandomTerm term = make_random_term(input, keep);
    const Matrix user = user_design(input, term.user_width());
    const Index w = term.series > 1 ? 1 : term.width;
    Matrix mapped(kRows, user.cols());
    for (Index first = 0; first < user.cols(); first += w)
      mapped.middleCols(first, w) = user.middleCols(first, w) * term.to_user;
    check_near_matrix(dense_design(term), mapped, kExact, "design");
    check(term.node_count() * term.width == user.cols(), "columns");
    if (keep) check_near_matrix(term.to_user, Matrix::Identity(w, w), 0.0, "the user's columns are kept");
  }
}

/// The freedom that a structure gives is used, and no more: any map, own
/// scales, or one scale.
void uses_its_freedom(const RandomTermInput& input) {
  const RandomTerm term = make_random_term(input);
  if (term.kind != BasisKind::dense) {
    check_near_matrix(term.to_user, Matrix::Identity(term.to_user.rows(), term.to_user.cols()), 0.0, "no map");
    return;
  }
  const Matrix gram = term.basis.transpose() * term.basis / double(kRows);
  const BasisFreedom freedom = term.covariance->basis_freedom();
  if (freedom == BasisFreedom::full)
    check_near_matrix(gram, Matrix::Identity(term.width, term.width), 1e-10, "orthonormal columns");
  if (freedom == BasisFreedom::diagonal)
    check_near_matrix(gram.diagonal(), Vector::Ones(term.width), kExact, "columns of mean square one");
  if (freedom != BasisFreedom::full)
    check_near_matrix(term.to_user - Matrix(term.to_user.diagonal().asDiagonal()), Matrix::Zero(term.width, term.width),
                      0.0, "no mixing");
  if (freedom == BasisFreedom::common)
    check_near_matrix(term.to_user.diagonal(), Vector::Constant(term.width, term.to_user(0, 0)), kExact, "one scale");
}

/// In one call, and in blocks of rows.
void products_match(const RandomTermInput& input) {
  const RandomTerm term = make_random_term(input);
  const Matrix z = dense_design(term);
  Draws draws(8);
  const Vector b = draws.uniforms(z.cols()), r = draws.uniforms(kRows);
  for (const Index block : {kRows, Index(1), Index(17)}) {
    Vector eta = Vector::Ones(kRows), out = Vector::Ones(z.cols());
    for (Index begin = 0; begin < kRows; begin += block) {
      const Index end = std::min(begin + block, kRows);
      add_random_effects(term, b.data(), begin, end, eta.data() + begin);
      accumulate_transpose(term, r.data() + begin, begin, end, out.data());
    }
    check_near_matrix(eta, Vector(Vector::Ones(kRows) + z * b), kExact, "Z b");
    check_near_matrix(out, Vector(Vector::Ones(z.cols()) + z.transpose() * r), kExact, "Z'r");
  }
}

void test_degenerate_columns() {
  run("columns that are dependent, or zero, are scaled and not orthogonalised", [] {
    Draws draws(4);
    Matrix basis(kRows, 3);
    basis.col(0) = 4.0 * draws.uniforms(kRows);
    basis.col(1) = -2.0 * basis.col(0);
    basis.col(2).setZero();
    const RandomTerm term = make_random_term(slope_term(random_levels(kRows, 7, draws), 7, basis));
    check(term.to_user.allFinite() && term.to_user.isDiagonal(), "a finite, diagonal map");
    check_near(term.basis.col(1).squaredNorm(), double(kRows), kExact, 0.0, "mean square one");
    check_near_matrix(term.basis.col(2), Vector::Zero(kRows), 0.0, "the zero column");
  });
  run("a serial structure needs one indicator column a row", [] {
    Draws draws(4);
    const auto input = slope_term(random_levels(kRows, 7, draws), 7, Matrix::Ones(kRows, 3), "ar1");
    check(throws<std::invalid_argument>([&] { make_random_term(input); }), "refused");
  });
}

}  // namespace

int main() {
  for_every_subject("the design is the caller's, up to the map to_user", keeps_the_design);
  for_every_subject("the internal columns", uses_its_freedom);
  for_every_subject("products with Z and Z'", products_match);
  test_degenerate_columns();
  return finish();
}
