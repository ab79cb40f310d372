#pragma once
// The dense linear algebra of the factorisation: SciPy's LAPACK where it is at hand, Eigen otherwise.
//
// A wheel is compiled for a baseline processor; SciPy's BLAS chooses its kernels at run time, so dense blocks
// go there. The routines come in as Fortran function pointers (Python takes them from the capsules of
// scipy.linalg.cython_lapack and cython_blas), so nothing is linked and the core knows no Python.
//
// All matrices are column major, `ld` the distance between columns; a symmetric matrix is its lower triangle,
// the other is neither read nor written. For the 2 x 2 block A = [4 2; 2 5]:
//
//     std::array<double, 4> a{4, 2, 0, 5};
//     kernels.potrf_lower(2, a.data(), 2);    // a = {2, 1, 0, 2}: A = L L'
//     kernels.potri_lower(2, a.data(), 2);    // a = {5, -2, 0, 4} / 16: the lower triangle of A^-1

namespace ranef {

/// Fortran routines of an LP64 BLAS and LAPACK (32-bit integers), as the reference documents them.
struct LapackRoutines {
  using Factor = void(char* uplo, int* n, double* a, int* lda, int* info);
  using TriangularSolve = void(char* side, char* uplo, char* trans, char* diag, int* m, int* n, double* alpha,
                               double* a, int* lda, double* b, int* ldb);
  using RankUpdate = void(char* uplo, char* trans, int* n, int* k, double* alpha, double* a, int* lda, double* beta,
                          double* c, int* ldc);
  using Product = void(char* transa, char* transb, int* m, int* n, int* k, double* alpha, double* a, int* lda,
                       double* b, int* ldb, double* beta, double* c, int* ldc);
  using SymmetricProduct = void(char* side, char* uplo, int* m, int* n, double* alpha, double* a, int* lda, double* b,
                                int* ldb, double* beta, double* c, int* ldc);

  Factor* dpotrf = nullptr;
  Factor* dpotri = nullptr;
  TriangularSolve* dtrsm = nullptr;
  RankUpdate* dsyrk = nullptr;
  Product* dgemm = nullptr;
  SymmetricProduct* dsymm = nullptr;
};

enum class Transpose { no, yes };
enum class Side { left, right };

/// A matrix in someone else's memory.
struct ConstBlock {
  const double* data;
  int ld;
};
struct Block {
  double* data;
  int ld;
};

/// Immutable, so that one object serves any number of threads.
class DenseKernels {
 public:
  /// Eigen for everything.
  DenseKernels() = default;

  /// Throws std::invalid_argument if a routine is missing.
  explicit DenseKernels(const LapackRoutines& lapack);

  bool uses_lapack() const { return lapack_.dpotrf != nullptr; }

  /// A = L L' in place. False if A is not positive definite or not finite; `a` is then spoilt.
  bool potrf_lower(int n, double* a, int ld) const;

  /// L -> (L L')^-1 in place.
  void potri_lower(int n, double* a, int ld) const;

  /// B (m x n) -> op(L)^-1 B (left) or B op(L)^-1 (right), in place.
  void trsm_lower(Side side, Transpose transpose, int m, int n, ConstBlock l, Block b) const;

  /// C (n x n) -> beta C + alpha op(A) op(A)', op(A) being n x k.
  void syrk_lower(Transpose transpose, int n, int k, double alpha, ConstBlock a, double beta, Block c) const;

  /// C (m x n) -> beta C + alpha op(A) op(B), op(A) being m x k. beta = 0 overwrites C, whatever it held.
  void gemm(Transpose transpose_a, Transpose transpose_b, int m, int n, int k, double alpha, ConstBlock a, ConstBlock b,
            double beta, Block c) const;

  /// C (m x n) -> beta C + alpha A B, A symmetric of order m. beta = 0 overwrites C.
  void symm_lower(int m, int n, double alpha, ConstBlock a, ConstBlock b, double beta, Block c) const;

 private:
  LapackRoutines lapack_;
};

}  // namespace ranef
