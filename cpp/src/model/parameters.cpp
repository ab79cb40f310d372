#include "ranef/model/parameters.hpp"

#include <Eigen/LU>

namespace ranef {

ParameterMap::ParameterMap(const Model& model) : model_(&model) {
  for (std::size_t k = 0; k < model.predictors().size(); ++k) {
    const bool in_mode = k == 0 && model.mean_in_mode();
    coefficient_offset_.push_back(in_mode ? -1 : size_);
    if (in_mode) continue;
    for (int j = 0; j < model.predictors()[k].columns(); ++j)
      parameters_.push_back({Parameter::Kind::coefficient, static_cast<int>(k), j, -1});
    size_ += model.predictors()[k].columns();
  }
  theta_first_ = size_;
  for (std::size_t t = 0; t < model.terms().size(); ++t) {
    term_offset_.push_back(size_);
    for (const ReportedParameter& p : model.terms()[t].covariance->reported_parameters())
      parameters_.push_back({p.kind == ReportedParameter::Kind::sd ? Parameter::Kind::sd : Parameter::Kind::correlation,
                             static_cast<int>(t), p.row, p.col});
    size_ += model.terms()[t].covariance->parameter_count();
  }
}

Vector ParameterMap::theta(const Vector& all, std::size_t term) const {
  return all.segment(term_offset_[term], model_->terms()[term].covariance->parameter_count());
}

Vector ParameterMap::to_values(const Vector& point) const {
  Vector values(size_);
  for (std::size_t k = 0; k < coefficient_offset_.size(); ++k)
    if (const Index at = coefficient_offset_[k]; at >= 0) {
      const Matrix& to_user = model_->predictors()[k].to_user;
      values.segment(at, to_user.rows()) = to_user * point.segment(at, to_user.rows());
    }
  for (std::size_t t = 0; t < term_offset_.size(); ++t) {
    const RandomTerm& term = model_->terms()[t];
    const Vector own = term.covariance->report(theta(point, t), term.to_user);
    values.segment(term_offset_[t], own.size()) = own;
  }
  return values;
}

Vector ParameterMap::to_point(const Vector& values) const {
  Vector point(size_);
  for (std::size_t k = 0; k < coefficient_offset_.size(); ++k)
    if (const Index at = coefficient_offset_[k]; at >= 0) {
      const Matrix& to_user = model_->predictors()[k].to_user;
      point.segment(at, to_user.rows()) =
          to_user.triangularView<Eigen::Upper>().solve(values.segment(at, to_user.rows()));
    }
  for (std::size_t t = 0; t < term_offset_.size(); ++t) {
    const RandomTerm& term = model_->terms()[t];
    const Vector own = term.covariance->from_report(theta(values, t), term.to_user);
    point.segment(term_offset_[t], own.size()) = own;
  }
  return point;
}

Matrix ParameterMap::jacobian(const Vector& point) const {
  Matrix out = Matrix::Zero(size_, size_);
  for (std::size_t k = 0; k < coefficient_offset_.size(); ++k)
    if (const Index at = coefficient_offset_[k]; at >= 0) {
      const Matrix& to_user = model_->predictors()[k].to_user;
      out.block(at, at, to_user.rows(), to_user.cols()) = to_user;
    }
  for (std::size_t t = 0; t < term_offset_.size(); ++t) {
    const RandomTerm& term = model_->terms()[t];
    const Matrix own = term.covariance->report_jacobian(theta(point, t), term.to_user);
    out.block(term_offset_[t], term_offset_[t], own.rows(), own.cols()) = own;
  }
  return out;
}

}  // namespace ranef
