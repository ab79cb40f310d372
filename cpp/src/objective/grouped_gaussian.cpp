#include "ranef/objective/grouped_gaussian.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>

#include "ranef/linalg/gram.hpp"
#include "ranef/linalg/log_sum.hpp"
#include "ranef/linalg/width_dispatch.hpp"
#include "ranef/model/gaussian_products.hpp"
#include "ranef/objective/reliability.hpp"

namespace ranef {

namespace {

constexpr double kLog2Pi = 1.8378770664093454836;
/// Levels whose T C stand side by side for one product: they stay in the first cache.
constexpr Index kLevelsPerPanel = 128;

template <int Width>
class GroupedGaussian final : public ProfiledObjective {
 public:
  explicit GroupedGaussian(const Model& model)
      : model_(&model),
        columns_(static_cast<int>(model.predictors()[0].columns())),
        effective_rows_(model.weight_total() - (model.reml() ? columns_ : 0)),
        data_(gaussian_products(model, {})) {}

  Index size() const override { return term().covariance->parameter_count(); }
  double value(const Vector& theta) override;
  Vector gradient() override;
  Matrix approximate_hessian() override;
  bool hessian_is_expected() const override { return true; }
  std::string failure() const override { return failure_; }

  Vector moment_start() const override { return ranef::moment_start(*model_, {}, data_.blocks); }
  double residual_variance() const override;
  double residual_share() const override {
    return effective_rows_ * residual_variance() / data_.blocks.border_gram(columns_, columns_);
  }
  Vector coefficients() override { return data_.least_squares + border_solution(); }
  Matrix coefficient_covariance() const override;
  TermVectors effects() const override;

 private:
  static constexpr int kSquare = Width * Width;
  using Block = Eigen::Matrix<double, Width, Width>;
  using Column = Eigen::Matrix<double, Width, 1>;
  using Rows = Eigen::Map<const Eigen::Matrix<double, Width, Eigen::Dynamic, Eigen::RowMajor>>;

  /// A level's cross products and what they are eliminated by.
  struct Level {
    Block products;  ///< A
    Rows border;     ///< C
    Block inverse;   ///< L^-1
    Block root;      ///< T
    double pivots;   ///< product of the pivots, |H|^(1/2)
  };

  const RandomTerm& term() const { return model_->terms()[0]; }
  Index levels() const { return term().node_count(); }
  /// Calls visit(g, level) for every level g; false, with the rest left out, if an H is not positive definite.
  template <class Visit>
  bool for_each_level(Visit visit) const;
  /// Leaves the Schur complement's factor in `border_factor_`, log|H| in `log_determinant_`; false if there is none.
  bool eliminate();
  Vector border_solution() const;
  /// (-beta, 1): what turns [X y] into the residual.
  Vector residual_combination() const;

  const Model* model_;
  int columns_;
  double effective_rows_;
  GaussianProducts data_;
  Vector theta_;
  double value_ = kNoValue;
  Block scale_ = Block::Zero();
  double log_determinant_ = 0.0;
  Matrix border_factor_;
  Matrix panel_;
  ReliabilityMoments moments_;
  std::string failure_;
};

template <int Width>
template <class Visit>
bool GroupedGaussian<Width>::for_each_level(Visit visit) const {
  const Index border_size = Width * (columns_ + 1);
  const double *a = data_.blocks.diagonal[0].data(), *c = data_.blocks.border[0].data();
  for (Index g = 0; g < levels(); ++g, a += kSquare, c += border_size) {
    Level level{Block(a), Rows(c, Width, columns_ + 1), Block::Zero(), {}, 1.0};
    Block lower = scale_.transpose() * level.products * scale_;
    bool positive = true;
    for (int j = 0; j < Width; ++j) {
      double pivot = lower(j, j) + 1.0;
      for (int k = 0; k < j; ++k) pivot -= lower(j, k) * lower(j, k);
      positive = positive && pivot > 0.0;
      pivot = std::sqrt(pivot);
      level.pivots *= pivot;
      const double inverse = level.inverse(j, j) = 1.0 / pivot;
      for (int i = j + 1; i < Width; ++i) {
        double sum = lower(i, j);
        for (int k = 0; k < j; ++k) sum -= lower(i, k) * lower(j, k);
        lower(i, j) = sum * inverse;
      }
      for (int col = 0; col < j; ++col) {
        double sum = 0.0;
        for (int k = col; k < j; ++k) sum -= lower(j, k) * level.inverse(k, col);
        level.inverse(j, col) = sum * inverse;
      }
    }
    if (!positive) return false;
    level.root = level.inverse * scale_.transpose();
    visit(g, level);
  }
  return true;
}

template <int Width>
bool GroupedGaussian<Width>::eliminate() {
  const int border_count = columns_ + 1;
  LogSum log_pivots;
  Matrix schur = data_.blocks.border_gram;
  panel_.resize(kLevelsPerPanel * Width, border_count);
  const bool positive = for_each_level([&](Index g, const Level& level) {
    const Index place = g % kLevelsPerPanel;
    log_pivots.add(level.pivots);
    panel_.template middleRows<Width>(place * Width).noalias() = level.root.lazyProduct(level.border);
    if (place + 1 == kLevelsPerPanel || g + 1 == levels())
      subtract_gram(model_->kernels(), {panel_.data(), static_cast<int>(panel_.rows())},
                    static_cast<int>((place + 1) * Width), border_count, {schur.data(), border_count});
  });
  if (!positive) return false;
  log_determinant_ = 2.0 * log_pivots.total();
  const Eigen::LLT<Matrix> factor(schur.selfadjointView<Eigen::Lower>());
  border_factor_ = factor.matrixL();
  return factor.info() == Eigen::Success;
}

template <int Width>
double GroupedGaussian<Width>::value(const Vector& theta) {
  if (theta_.size() == theta.size() && theta_ == theta) return value_;
  theta_ = theta;
  value_ = kNoValue;
  if (!term().covariance->valid(theta)) {
    failure_ = "a correlation at the end of its range";
    return kNoValue;
  }
  scale_ = term().covariance->scale(theta);
  if (!eliminate()) {
    failure_ = "the penalised least-squares problem is singular (no residual variation is left)";
    return kNoValue;
  }
  double log_determinant = log_determinant_, constant = data_.log_scales;
  if (model_->reml()) {
    log_determinant += 2.0 * border_factor_.diagonal().head(columns_).array().log().sum();
    constant -= model_->predictors()[0].log_volume();
  }
  const double at =
      0.5 * (log_determinant + effective_rows_ * (1.0 + kLog2Pi + std::log(residual_variance()))) + constant;
  return value_ = std::isfinite(at) ? at : kNoValue;
}

template <int Width>
double GroupedGaussian<Width>::residual_variance() const {
  const double pivot = border_factor_(columns_, columns_);
  return pivot * pivot / effective_rows_;
}

template <int Width>
Vector GroupedGaussian<Width>::border_solution() const {
  const auto factor = border_factor_.topLeftCorner(columns_, columns_).template triangularView<Eigen::Lower>();
  return factor.transpose().solve(border_factor_.row(columns_).head(columns_).transpose());
}

template <int Width>
Vector GroupedGaussian<Width>::residual_combination() const {
  Vector out(columns_ + 1);
  out << -border_solution(), 1.0;
  return out;
}

/// Of 1/2 log|H|, with X in H for REML, and of the residual sum of squares: d/dS as A S Z and -r v'.
template <int Width>
Vector GroupedGaussian<Width>::gradient() {
  const Vector combination = residual_combination();
  const double precision = 1.0 / residual_variance();
  const int integrated = model_->reml() ? columns_ : 0;
  const Matrix whitening = border_factor_.topLeftCorner(integrated, integrated)
                               .template triangularView<Eigen::Lower>()
                               .solve(Matrix::Identity(integrated, integrated))
                               .transpose();
  Eigen::Matrix<double, Width, Eigen::Dynamic> whitened(Width, integrated), root_part = whitened, solved = whitened;
  Block by_scale = Block::Zero(), first = Block::Zero();
  Eigen::Matrix<double, kSquare, kSquare> second = Eigen::Matrix<double, kSquare, kSquare>::Zero();
  for_each_level([&](Index, const Level& level) {
    const Block &inverse = level.inverse, &t = level.root, a_scaled = level.products * t.transpose();
    const Column residual = level.border.lazyProduct(combination), half_solved = t * residual;
    const Column mode = inverse.transpose() * half_solved;
    by_scale += a_scaled * inverse - precision * (residual - a_scaled * half_solved) * mode.transpose();
    Block known = Block::Identity() - inverse.transpose() * inverse;
    if (integrated > 0) {
      whitened.noalias() = level.border.leftCols(integrated).lazyProduct(whitening);
      root_part.noalias() = t.lazyProduct(whitened);
      solved.noalias() = inverse.transpose().lazyProduct(root_part);
      whitened.noalias() -= a_scaled.lazyProduct(root_part);
      by_scale.noalias() -= whitened.lazyProduct(solved.transpose());
      known.noalias() -= solved.lazyProduct(solved.transpose());
    }
    first += known;
    const Eigen::Map<const Eigen::Matrix<double, kSquare, 1>> entries(known.data());
    second.noalias() += entries * entries.transpose();
  });
  moments_ = {first, second};
  Vector out(size());
  for (Index p = 0; p < out.size(); ++p)
    out[p] = by_scale.cwiseProduct(term().covariance->scale_derivative(theta_, static_cast<int>(p))).sum();
  return out;
}

/// The information about theta once the residual variance is estimated with it.
template <int Width>
Matrix GroupedGaussian<Width>::approximate_hessian() {
  TermInformation at = term_information(*term().covariance, theta_, scale_, moments_);
  at.information.diagonal().array() += least_information(theta_);
  const Matrix profiled = at.information - 2.0 / effective_rows_ * at.slope * at.slope.transpose();
  return profiled.llt().info() == Eigen::Success ? profiled : at.information;
}

template <int Width>
Matrix GroupedGaussian<Width>::coefficient_covariance() const {
  const Matrix inverse = border_factor_.topLeftCorner(columns_, columns_)
                             .template triangularView<Eigen::Lower>()
                             .solve(Matrix::Identity(columns_, columns_));
  return residual_variance() * inverse.transpose() * inverse;
}

template <int Width>
TermVectors GroupedGaussian<Width>::effects() const {
  const Vector combination = residual_combination();
  Vector out(levels() * Width);
  for_each_level([&](Index g, const Level& level) {
    const Column residual = level.border.lazyProduct(combination);
    out.template segment<Width>(g * Width) = level.root.transpose() * (level.root * residual);
  });
  return {std::move(out)};
}

}  // namespace

std::unique_ptr<ProfiledObjective> make_grouped_gaussian(const Model& model) {
  if (model.terms().size() != 1 || model.terms()[0].series > 1) return nullptr;
  static_assert(kMaxUnrolledWidth == 4, "a class for every width that has kernels of its own");
  switch (model.terms()[0].width) {
    case 1:
      return std::make_unique<GroupedGaussian<1>>(model);
    case 2:
      return std::make_unique<GroupedGaussian<2>>(model);
    case 3:
      return std::make_unique<GroupedGaussian<3>>(model);
    case 4:
      return std::make_unique<GroupedGaussian<4>>(model);
    default:
      return nullptr;
  }
}

}  // namespace ranef
