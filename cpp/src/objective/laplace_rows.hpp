#pragma once
// Row-wise pieces of the Laplace approximation.

#include "ranef/model/cross_products.hpp"

namespace ranef {

/// Rows evaluated together: small enough that a block's predictors and derivatives stay in the first-level cache.
inline constexpr Index kRowsPerBlock = 256;

/// Zero effects of every term.
std::vector<Vector> zero_effects(const std::vector<RandomTerm>& terms);

/// Replaces every row's K x K Hessian (packed columns) by its positive semidefinite part.
void make_positive(Matrix& hessian, int order, Index rows);

/// h_i = J_i H^-1 J_i' of rows begin..end, packed over the predictors that carry random effects, from the blocks of
/// S H^-1 S' (`posterior`); x holds the border's rows.
void posterior_variance(const std::vector<RandomTerm>& terms, const CrossProductLayout& layout,
                        const CrossProducts& posterior, const RowMatrix& x, Index begin, Index end, Matrix& variance);

/// sum over nodes of left_g right_g', left node by node and right in the coordinates of H.
Matrix outer_sum(const Vector& left, const Vector& right, const std::vector<int>& start, int width);

}  // namespace ranef
