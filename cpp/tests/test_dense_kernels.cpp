// Every kernel, with Eigen and through the Fortran interface, against the dense formula.
//
// The Fortran routines here are plain loops written from the reference BLAS and LAPACK documentation: they show that
// the arguments arrive in the right places. Matrices stand inside larger ones (ld > rows), and what must not be read or
// written (upper triangles, padding, a C with beta = 0) is NaN.

#include "ranef/linalg/dense_kernels.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "support/check.hpp"

namespace {

using Eigen::Index;
using Matrix = Eigen::MatrixXd;
using ranef::Block;
using ranef::ConstBlock;
using ranef::DenseKernels;
using ranef::Side;
using ranef::Transpose;
using ranef::test::check;
using ranef::test::run;
using ranef::test::throws;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int kPadding = 3;

// --- Fortran routines -------------------------------------------------------------------------------------------

int calls = 0;

struct View {
  double* data;
  int ld;
  bool transposed;
  double& operator()(int i, int j) const { return transposed ? data[j + Index{i} * ld] : data[i + Index{j} * ld]; }
};

void potrf(char* uplo, int* n, double* a, int* lda, int* info) {
  ++calls;
  check(*uplo == 'L', "dpotrf: uplo");
  const View l{a, *lda, false};
  *info = 0;
  for (int j = 0; j < *n; ++j) {
    double pivot = l(j, j);
    for (int k = 0; k < j; ++k) pivot -= l(j, k) * l(j, k);
    if (!(pivot > 0.0)) {
      *info = j + 1;
      return;
    }
    l(j, j) = std::sqrt(pivot);
    for (int i = j + 1; i < *n; ++i) {
      for (int k = 0; k < j; ++k) l(i, j) -= l(i, k) * l(j, k);
      l(i, j) /= l(j, j);
    }
  }
}

void potri(char* uplo, int* n, double* a, int* lda, int* info) {
  ++calls;
  check(*uplo == 'L', "dpotri: uplo");
  const View l{a, *lda, false};
  Matrix factor = Matrix::Zero(*n, *n);
  for (int j = 0; j < *n; ++j) {
    for (int i = j; i < *n; ++i) factor(i, j) = l(i, j);
  }
  const Matrix inverse = (factor * factor.transpose()).inverse();
  for (int j = 0; j < *n; ++j) {
    for (int i = j; i < *n; ++i) l(i, j) = inverse(i, j);
  }
  *info = 0;
}

void trsm(char* side, char* uplo, char* trans, char* diag, int* m, int* n, double* alpha, double* a, int* lda,
          double* b, int* ldb) {
  ++calls;
  check(*uplo == 'L' && *diag == 'N' && *alpha == 1.0, "dtrsm: uplo, diag, alpha");
  const int order = *side == 'L' ? *m : *n;
  Matrix factor = Matrix::Zero(order, order);
  for (int j = 0; j < order; ++j) {
    for (int i = j; i < order; ++i) factor(i, j) = View{a, *lda, false}(i, j);
  }
  if (*trans == 'T') factor = factor.transpose().eval();
  Eigen::Map<Matrix, 0, Eigen::OuterStride<>> rhs(b, *m, *n, Eigen::OuterStride<>(*ldb));
  if (*side == 'L') {
    rhs = (factor.inverse() * rhs).eval();
  } else {
    rhs = (rhs * factor.inverse()).eval();
  }
}

void gemm(char* transa, char* transb, int* m, int* n, int* k, double* alpha, double* a, int* lda, double* b, int* ldb,
          double* beta, double* c, int* ldc) {
  ++calls;
  const View left{a, *lda, *transa == 'T'};
  const View right{b, *ldb, *transb == 'T'};
  for (int j = 0; j < *n; ++j) {
    for (int i = 0; i < *m; ++i) {
      double& target = View{c, *ldc, false}(i, j);
      double sum = *beta == 0.0 ? 0.0 : *beta * target;
      for (int p = 0; p < *k; ++p) sum += *alpha * left(i, p) * right(p, j);
      target = sum;
    }
  }
}

void syrk(char* uplo, char* trans, int* n, int* k, double* alpha, double* a, int* lda, double* beta, double* c,
          int* ldc) {
  ++calls;
  check(*uplo == 'L', "dsyrk: uplo");
  const View factor{a, *lda, *trans == 'T'};
  for (int j = 0; j < *n; ++j) {
    for (int i = j; i < *n; ++i) {
      double& target = View{c, *ldc, false}(i, j);
      double sum = *beta == 0.0 ? 0.0 : *beta * target;
      for (int p = 0; p < *k; ++p) sum += *alpha * factor(i, p) * factor(j, p);
      target = sum;
    }
  }
}

void symm(char* side, char* uplo, int* m, int* n, double* alpha, double* a, int* lda, double* b, int* ldb, double* beta,
          double* c, int* ldc) {
  ++calls;
  check(*side == 'L' && *uplo == 'L', "dsymm: side, uplo");
  const View lower{a, *lda, false};
  for (int j = 0; j < *n; ++j) {
    for (int i = 0; i < *m; ++i) {
      double& target = View{c, *ldc, false}(i, j);
      double sum = *beta == 0.0 ? 0.0 : *beta * target;
      for (int p = 0; p < *m; ++p) sum += *alpha * (p <= i ? lower(i, p) : lower(p, i)) * View{b, *ldb, false}(p, j);
      target = sum;
    }
  }
}

DenseKernels fortran_kernels() {
  ranef::LapackRoutines lapack;
  lapack.dpotrf = potrf;
  lapack.dpotri = potri;
  lapack.dtrsm = trsm;
  lapack.dsyrk = syrk;
  lapack.dgemm = gemm;
  lapack.dsymm = symm;
  return DenseKernels(lapack);
}

// --- Matrices and comparisons -----------------------------------------------------------------------------------

/// `matrix` on top of `kPadding` rows of NaN.
Matrix padded(const Matrix& matrix) {
  Matrix out = Matrix::Constant(matrix.rows() + kPadding, matrix.cols(), kNaN);
  out.topRows(matrix.rows()) = matrix;
  return out;
}

/// The same with NaN above the diagonal.
Matrix padded_lower(const Matrix& matrix) {
  Matrix out = padded(matrix);
  for (Index j = 0; j < matrix.cols(); ++j) out.col(j).head(j).setConstant(kNaN);
  return out;
}

int ld(const Matrix& matrix) { return static_cast<int>(matrix.rows()); }
ConstBlock in(const Matrix& matrix) { return {matrix.data(), ld(matrix)}; }
Block out(Matrix& matrix) { return {matrix.data(), ld(matrix)}; }

/// Equal where `expected` is a number, untouched where it is NaN.
void check_equal(const Matrix& got, const Matrix& expected, const std::string& what) {
  double worst = 0.0;
  for (Index i = 0; i < expected.size(); ++i) {
    const double g = got.data()[i];
    const double e = expected.data()[i];
    if (std::isnan(e) != std::isnan(g)) worst = std::numeric_limits<double>::infinity();
    if (!std::isnan(e)) worst = std::max(worst, std::abs(g - e) / (1.0 + std::abs(e)));
  }
  check(worst < 1e-11, what + ": relative difference " + std::to_string(worst));
}

Matrix positive_definite(int n) {
  const Matrix root = Matrix::Random(n, n);
  return root * root.transpose() + n * Matrix::Identity(n, n);
}

Matrix lower_factor(int n) { return positive_definite(n).llt().matrixL(); }

// --- Laws -------------------------------------------------------------------------------------------------------

void test_factor_and_inverse(const DenseKernels& kernels, int n, const std::string& name) {
  const Matrix a = positive_definite(n);
  Matrix work = padded_lower(a);
  check(kernels.potrf_lower(n, work.data(), ld(work)), name + " potrf: status");
  check_equal(work, padded_lower(a.llt().matrixL()), name + " potrf");
  kernels.potri_lower(n, work.data(), ld(work));
  check_equal(work, padded_lower(a.inverse()), name + " potri");
}

void test_factor_refuses(const DenseKernels& kernels, int n, double diagonal, const std::string& name) {
  Matrix a = positive_definite(n);
  a(n / 2, n / 2) = diagonal;
  Matrix work = padded_lower(a);
  check(!kernels.potrf_lower(n, work.data(), ld(work)), name + " potrf: diagonal of " + std::to_string(diagonal));
}

void test_triangular_solves(const DenseKernels& kernels, int m, int n, const std::string& name) {
  const Matrix b = Matrix::Random(m, n);
  for (const Transpose transpose : {Transpose::no, Transpose::yes}) {
    for (const Side side : {Side::left, Side::right}) {
      const Matrix l = lower_factor(side == Side::left ? m : n);
      const Matrix op = transpose == Transpose::yes ? Matrix(l.transpose()) : l;
      const Matrix expected = side == Side::left ? Matrix(op.inverse() * b) : Matrix(b * op.inverse());
      Matrix work = padded(b);
      kernels.trsm_lower(side, transpose, m, n, in(padded_lower(l)), out(work));
      check_equal(work, padded(expected), name + " trsm");
    }
  }
}

void test_rank_updates(const DenseKernels& kernels, int n, int k, const std::string& name) {
  const Matrix c = positive_definite(n);
  for (const Transpose transpose : {Transpose::no, Transpose::yes}) {
    const Matrix a = transpose == Transpose::yes ? Matrix::Random(k, n) : Matrix::Random(n, k);
    const Matrix product = transpose == Transpose::yes ? Matrix(a.transpose() * a) : Matrix(a * a.transpose());
    Matrix work = padded_lower(c);
    kernels.syrk_lower(transpose, n, k, -0.5, in(padded(a)), 2.0, out(work));
    check_equal(work, padded_lower(2.0 * c - 0.5 * product), name + " syrk");
    work = padded_lower(Matrix::Constant(n, n, kNaN));
    kernels.syrk_lower(transpose, n, k, 1.0, in(padded(a)), 0.0, out(work));
    check_equal(work, padded_lower(product), name + " syrk, beta = 0");
  }
}

void test_products(const DenseKernels& kernels, int m, int n, int k, const std::string& name) {
  const Matrix c = Matrix::Random(m, n);
  for (const Transpose ta : {Transpose::no, Transpose::yes}) {
    for (const Transpose tb : {Transpose::no, Transpose::yes}) {
      const Matrix a = Matrix::Random(m, k);
      const Matrix b = Matrix::Random(k, n);
      const Matrix left = padded(ta == Transpose::yes ? Matrix(a.transpose()) : a);
      const Matrix right = padded(tb == Transpose::yes ? Matrix(b.transpose()) : b);
      Matrix work = padded(c);
      kernels.gemm(ta, tb, m, n, k, -0.5, in(left), in(right), 2.0, out(work));
      check_equal(work, padded(2.0 * c - 0.5 * a * b), name + " gemm");
      work = padded(Matrix::Constant(m, n, kNaN));
      kernels.gemm(ta, tb, m, n, k, 1.0, in(left), in(right), 0.0, out(work));
      check_equal(work, padded(a * b), name + " gemm, beta = 0");
    }
  }
}

void test_symmetric_products(const DenseKernels& kernels, int m, int n, const std::string& name) {
  const Matrix a = positive_definite(m);
  const Matrix b = Matrix::Random(m, n);
  const Matrix c = Matrix::Random(m, n);
  Matrix work = padded(c);
  kernels.symm_lower(m, n, -0.5, in(padded_lower(a)), in(padded(b)), 2.0, out(work));
  check_equal(work, padded(2.0 * c - 0.5 * a * b), name + " symm");
  work = padded(Matrix::Constant(m, n, kNaN));
  kernels.symm_lower(m, n, 1.0, in(padded_lower(a)), in(padded(b)), 0.0, out(work));
  check_equal(work, padded(a * b), name + " symm, beta = 0");
}

void test_all(const DenseKernels& kernels, const std::string& name) {
  for (const int n : {1, 2, 7, 40}) {
    const std::string label = name + " " + std::to_string(n);
    test_factor_and_inverse(kernels, n, label);
    for (const double diagonal : {-1.0, 0.0, kNaN, std::numeric_limits<double>::infinity()}) {
      test_factor_refuses(kernels, n, diagonal, label);
    }
    test_triangular_solves(kernels, n, 5, label);
    test_triangular_solves(kernels, 5, n, label);
    test_rank_updates(kernels, n, 3, label);
    test_products(kernels, n, 4, 6, label);
    test_symmetric_products(kernels, n, 4, label);
  }
}

void test_empty_matrices_are_allowed(const DenseKernels& kernels) {
  double nothing = kNaN;
  check(kernels.potrf_lower(0, &nothing, 1), "potrf of order 0");
  kernels.potri_lower(0, &nothing, 1);
  kernels.trsm_lower(Side::left, Transpose::no, 0, 3, {&nothing, 1}, {&nothing, 1});
  kernels.syrk_lower(Transpose::no, 0, 3, 1.0, {&nothing, 1}, 0.0, {&nothing, 1});
  kernels.gemm(Transpose::no, Transpose::no, 0, 2, 2, 1.0, {&nothing, 1}, {&nothing, 2}, 0.0, {&nothing, 1});
  kernels.symm_lower(0, 2, 1.0, {&nothing, 1}, {&nothing, 1}, 0.0, {&nothing, 1});
  check(std::isnan(nothing), "empty operations write nothing");
  Matrix c = Matrix::Ones(2, 2);
  kernels.gemm(Transpose::no, Transpose::no, 2, 2, 0, 1.0, {&nothing, 2}, {&nothing, 1}, 0.5, {c.data(), 2});
  check_equal(c, Matrix::Constant(2, 2, 0.5), "gemm with k = 0");
}

}  // namespace

int main() {
  run("Eigen's kernels agree with the dense formulas and call no LAPACK", [] {
    test_all(DenseKernels(), "Eigen");
    check(calls == 0, "number of calls");
  });
  run("the Fortran interface gives every routine its arguments in their places", [] {
    test_all(fortran_kernels(), "Fortran");
    check(calls > 0, "number of calls");
  });
  run("empty matrices are allowed", [] {
    test_empty_matrices_are_allowed(DenseKernels());
    test_empty_matrices_are_allowed(fortran_kernels());
  });
  run("a missing routine is refused", [] {
    const auto incomplete = [] { return DenseKernels(ranef::LapackRoutines{}); };
    check(throws<std::invalid_argument>(incomplete), "std::invalid_argument");
  });
  return ranef::test::finish();
}
