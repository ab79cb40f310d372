#pragma once
// The penalised Hessian H = S'AS + Q of the spherical random effects, assembled, factorised and differentiated.
//
// Both objectives are built on it: the Laplace approximation, where A = Z'WZ changes with the mode, and the profiled
// Gaussian one, where A is constant. It holds the scales S and precisions Q of the current theta, the factor of H and
// the selected inverse, and turns derivatives with respect to S and Q into derivatives with respect to theta.

#include <vector>

#include "ranef/linalg/selected_inverse.hpp"
#include "ranef/model/cross_products.hpp"

namespace ranef {

class ScaledSystem {
 public:
  ScaledSystem(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout, const DenseKernels& kernels);

  /// theta of all terms, one after the other.
  void set_theta(const Vector& theta);
  bool valid_theta() const { return valid_; }
  Index theta_size() const { return theta_offset_.back(); }
  Vector theta(std::size_t term) const;
  Index theta_offset(std::size_t term) const { return theta_offset_[term]; }

  /// Fills H from the cross products (border rows included) and factorises it.
  bool factor(const CrossProducts& products);
  /// The factor of Q alone, the border zero: what the rows of a least-squares problem are rotated into.
  bool factor_precision();
  void invert(int border);

  const Cholesky& cholesky() const { return cholesky_; }
  Cholesky& cholesky() { return cholesky_; }
  const SelectedInverse& inverse() const { return inverse_; }
  /// log det Q over all terms.
  double log_determinant_precision() const;

  /// v (coordinates of H) -> b = S v by term, and back: out = S' g.
  void to_effects(const double* v, TermVectors& effects) const;
  void to_coordinates(const TermVectors& gradients, double* out) const;
  /// The largest entry of a series' Q, by which products with it are rounded; zero if all are the identity.
  double largest_precision() const;
  /// Q v, added to out; returns v'Qv.
  double add_precision_product(const double* v, double* out) const;

  /// S H^-1 S' on the blocks that exist, in the layout of cross products; border rows S H^-1 where `border` > 0.
  void posterior_blocks(int border, CrossProducts& out) const;

  /// d/dtheta of 1/2 log det H - 1/2 log det Q + 1/2 v'Q v-like terms, given
  ///   direct: d/dS of everything but the explicit trace (per term, width x width),
  ///   v, adjoint a (may be null), scale: weight of v v' in dL/dQ = 1/2 H^-1 + scale/2 v v' - 1/2 (a v' + v a').
  Vector theta_gradient(const CrossProducts& products, std::vector<Matrix> direct, const double* v,
                        const double* adjoint, double scale, int border) const;

  /// The same where v solves the least-squares problem, without cross products, which cancel where scales are large:
  /// S'Z'Wr = Q v and S'AS H^-1 = I - Q H^-1. Every S must be regular.
  Vector theta_gradient_at_solution(const double* v, double scale) const;
  bool scales_are_regular() const;

  /// Fisher information about theta of Gaussian data with these random effects. With K = I - H^-1 (how much of a
  /// random effect the data determine) and F_p = S^-1 dS_p + (S^-1 dS_p)',
  ///     information_pq = 1/2 sum over blocks tr(K F_p K F_q),   slope_p = 1/2 sum over blocks tr(K F_p);
  /// the latter is the information shared with a common factor of all variances. Blocks of K between different nodes
  /// are left out: an approximation for crossed terms, exact for one term or nested ones.
  struct Information {
    Matrix information;
    Vector slope;
  };
  Information approximate_information() const;

  const std::vector<Matrix>& scales() const { return scales_; }

  /// How S v and Q v change, to first order, along a direction of theta.
  struct Change {
    std::vector<Matrix> scales;
    TermVectors effects;       ///< dS v by term
    Vector precision_product;  ///< dQ v in H's coordinates
  };
  Change change(const Vector& direction, const double* v) const;
  /// out += dS' g.
  void add_scale_change(const Change& change, const TermVectors& gradients, double* out) const;

 private:
  struct SeriesPrecision {
    Vector values;
    Matrix derivatives;
  };

  void assemble(const CrossProducts& products);
  void add_precision(std::size_t term);
  /// Given d/dS of every term.
  Vector contract(const std::vector<Matrix>& by_scale, const double* v, const double* adjoint, double scale) const;
  double series_excess(std::size_t term, const double* v, double scale) const;
  Vector precision_gradient(std::size_t term, const double* v, const double* adjoint, double scale) const;

  const std::vector<RandomTerm>* terms_;
  const CrossProductLayout* layout_;
  std::vector<Index> theta_offset_;
  Vector theta_;
  bool valid_ = true;
  std::vector<Matrix> scales_;
  std::vector<SeriesPrecision> precisions_;
  std::vector<std::vector<PrecisionEntry>> entries_;
  Cholesky cholesky_;
  SelectedInverse inverse_;
};

}  // namespace ranef
