#pragma once
// The two ways to write a model's parameters.
//
//   point   what objectives work with: coefficients of orthogonal columns, then theta of every term (absolute);
//   values  what the user sees: coefficients of the columns given, then standard deviations and correlations.
//
// Both have the same order and length: predictors, then terms. Under REML the mean's coefficients are in neither.

#include <vector>

#include "ranef/model/model.hpp"

namespace ranef {

struct Parameter {
  enum class Kind { coefficient, sd, correlation } kind;
  int owner;  ///< predictor or term
  int row;    ///< coefficient: its column; else as in ReportedParameter
  int col;
};

class ParameterMap {
 public:
  explicit ParameterMap(const Model& model);

  Index size() const { return size_; }
  const std::vector<Parameter>& parameters() const { return parameters_; }

  /// Where predictor k's coefficients, or term t's parameters, start; -1 for coefficients that are integrated out.
  Index coefficient_offset(std::size_t predictor) const { return coefficient_offset_[predictor]; }
  Index term_offset(std::size_t term) const { return term_offset_[term]; }
  Index theta_offset() const { return theta_first_; }

  Vector to_values(const Vector& point) const;
  Vector to_point(const Vector& values) const;
  /// d values / d point.
  Matrix jacobian(const Vector& point) const;

 private:
  Vector theta(const Vector& all, std::size_t term) const;

  const Model* model_;
  std::vector<Parameter> parameters_;
  std::vector<Index> coefficient_offset_, term_offset_;
  Index theta_first_ = 0, size_ = 0;
};

}  // namespace ranef
