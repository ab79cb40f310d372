// ML and REML of Gaussian models against the textbook formulas with a dense covariance matrix V: of any random terms,
// and of one grouping factor.

#include "ranef/objective/profiled_gaussian.hpp"

#include <cmath>
#include <string>

#include "ranef/fit.hpp"
#include "ranef/objective/gaussian_point.hpp"
#include "ranef/objective/grouped_gaussian.hpp"
#include "support/dense_model.hpp"
#include "support/finite_difference.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr Index kRows = 120;
constexpr double kLog2Pi = 1.8378770664093454836;

enum class Terms { every_kind, intercept, two_slopes, wide_indicator };

struct Kind {
  std::string name;
  bool reml = false, counts = false, offsets = false;
  Terms terms = Terms::every_kind;
};

const std::vector<Kind> kinds = {{"ML"},
                                 {"REML", true},
                                 {"ML, frequency weights", false, true},
                                 {"REML, frequency weights", true, true},
                                 {"ML, offsets of mean and log sd", false, false, true},
                                 {"REML, weights and offsets", true, true, true}};

/// The same with one grouping factor.
std::vector<Kind> grouped_kinds() {
  std::vector<Kind> out;
  for (Kind kind : kinds)
    for (const auto& [name, terms] : {std::pair("intercepts", Terms::intercept), std::pair("slopes", Terms::two_slopes),
                                      std::pair("indicators", Terms::wide_indicator)}) {
      kind.terms = terms;
      out.push_back(kind);
      out.back().name += std::string(", one factor with ") + name;
    }
  return out;
}

struct Subject {
  Kind kind;
  Matrix x;
  Vector y, counts, mean_offset, log_sd_offset;
  Model model;

  explicit Subject(const Kind& k) : kind(k), model(build()) {}

  Model build() {
    Draws draws(19);
    const Vector covariate = draws.uniforms(kRows);
    x = intercept_and_slope(covariate);
    y = 5.0 * Vector::Ones(kRows) + 2.0 * draws.uniforms(kRows) + covariate;
    ModelInput input;
    input.likelihood = likelihood("gaussian", Link::identity);
    input.response = y;
    input.predictors = {{x, {}}, constant_predictor(kRows)};
    counts = Vector::Ones(kRows);
    mean_offset = log_sd_offset = Vector::Zero(kRows);
    if (kind.counts) {
      for (double& count : counts) count = 1.0 + draws.below(3);
      input.weights = counts;
    }
    if (kind.offsets) {
      mean_offset = input.predictors[0].offset = draws.uniforms(kRows);
      log_sd_offset = 0.5 * draws.uniforms(kRows);
      input.predictors[1].offset = log_sd_offset.array() + 7.0;
    }
    log_sd_offset.array() -= log_sd_offset.mean();
    input.terms = terms(covariate, draws);
    input.reml = kind.reml;
    return Model(std::move(input));
  }

  std::vector<RandomTermInput> terms(const Vector& covariate, Draws& draws) const {
    switch (kind.terms) {
      case Terms::intercept:
        return {intercept_term(random_levels(kRows, 9, draws), 10)};
      case Terms::two_slopes: {
        Matrix basis(kRows, 3);
        basis << intercept_and_slope(covariate), draws.uniforms(kRows);
        return {slope_term(random_levels(kRows, 9, draws), 9, basis)};
      }
      case Terms::wide_indicator:
        return {indicator_term(random_levels(kRows, 200, draws), 200, random_levels(kRows, 4, draws), 4, "cs")};
      default:
        return terms_of_every_kind(kRows, covariate, draws);
    }
  }

  /// A count of w is w rows: the dense model has them all. theta is relative to the residual sd at the mean offset.
  GeneralisedLeastSquares direct(const Vector& theta) const {
    std::vector<int> rows;
    for (Index i = 0; i < kRows; ++i) rows.insert(rows.end(), std::size_t(counts[i]), int(i));
    const Matrix v = dense_marginal(model.terms(), theta);
    Matrix expanded = v(rows, rows);
    for (std::size_t i = 0; i < rows.size(); ++i)
      expanded(Index(i), Index(i)) += std::exp(2.0 * log_sd_offset[rows[i]]);
    const Vector reduced = y - mean_offset;
    return {x(rows, Eigen::all), reduced(rows), expanded};
  }

  double direct_value(const Vector& theta) const {
    const GeneralisedLeastSquares gls = direct(theta);
    const double n = counts.sum() - (kind.reml ? double(x.cols()) : 0.0);
    return 0.5 * (gls.log_covariance + (kind.reml ? gls.log_information : 0.0) +
                  n * (1.0 + kLog2Pi + std::log(gls.residual_squares / n)));
  }
};

std::unique_ptr<ProfiledObjective> objective(const Subject& subject) {
  if (subject.kind.terms != Terms::every_kind) return make_grouped_gaussian(subject.model);
  const Model& model = subject.model;
  const int border = int(model.predictors()[0].columns()) + 1;
  return std::make_unique<ProfiledGaussian>(model,
                                            std::make_shared<CrossProductLayout>(model.terms(), model.rows(), border));
}

/// Ordinary parameters, negative ones among them, and some variances of zero.
std::vector<Vector> thetas(const Model& model) {
  Draws draws(2);
  const Index size = theta_size(model.terms());
  std::vector<Vector> out = {draws.uniforms(size, 0.3, 1.2), draws.uniforms(size), draws.uniforms(size, 0.3, 3.0)};
  out[2].head(std::min<Index>(4, size)).setZero();
  return out;
}

void value_matches(const Subject& subject) {
  const auto owner = objective(subject);
  ProfiledObjective& profiled = *owner;
  for (const Vector& theta : thetas(subject.model)) {
    check_near(profiled.value(theta), subject.direct_value(theta), 1e-11, 1e-10, "value");
    const GeneralisedLeastSquares gls = subject.direct(theta);
    const double n = subject.counts.sum() - (subject.kind.reml ? 2.0 : 0.0);
    check_near(profiled.residual_variance(), gls.residual_squares / n, 1e-10, 0.0, "residual variance");
    const Matrix& to_user = subject.model.predictors()[0].to_user;
    check_near_matrix(to_user * profiled.coefficients(), gls.coefficients, 1e-10, "coefficients");
    const Matrix covariance = to_user * profiled.coefficient_covariance() * to_user.transpose();
    check_near(-log_determinant(covariance) + 2.0 * std::log(gls.residual_squares / n), gls.log_information, 1e-10,
               1e-10, "determinant of the coefficients' covariance");
  }
}

void gradient_matches(const Subject& subject) {
  const auto owner = objective(subject);
  ProfiledObjective& profiled = *owner;
  for (const Vector& theta : thetas(subject.model)) {
    check(std::isfinite(profiled.value(theta)), "a value");
    const Vector gradient = profiled.gradient();
    for (Index p = 0; p < theta.size(); ++p) {
      const double numeric = central_difference(
          [&](double shift) {
            Vector moved = theta;
            moved[p] += shift;
            return profiled.value(moved);
          },
          0.0, 2e-3);
      check_near(gradient[p], numeric, 1e-7, 1e-7, "parameter " + std::to_string(p));
    }
  }
}

/// b^ = Var(b) Z' V^-1 (y - X beta).
void effects_match(const Subject& subject) {
  if (subject.kind.counts) return check(true, "shown by the unweighted models");
  const auto owner = objective(subject);
  ProfiledObjective& profiled = *owner;
  const Vector theta = thetas(subject.model)[0];
  profiled.value(theta);
  profiled.coefficients();
  const TermVectors effects = profiled.effects();
  Matrix v = dense_marginal(subject.model.terms(), theta);
  v.diagonal().array() += (2.0 * subject.log_sd_offset.array()).exp();
  const GeneralisedLeastSquares gls = subject.direct(theta);
  const Vector scaled = v.llt().solve(subject.y - subject.mean_offset - subject.x * gls.coefficients);
  Index at = 0;
  for (std::size_t t = 0; t < effects.size(); ++t) {
    const RandomTerm& term = subject.model.terms()[t];
    const Matrix prior = dense_prior(*term.covariance, theta.segment(at, term.covariance->parameter_count()));
    const Vector zr = dense_design(term).transpose() * scaled;
    for (Index first = 0; first < zr.size(); first += prior.rows())
      check_near_matrix(effects[t].segment(first, prior.rows()), prior * zr.segment(first, prior.rows()), 1e-10,
                        "effects of term " + std::to_string(t));
    at += term.covariance->parameter_count();
  }
}

void hessian_is_positive(const Subject& subject) {
  const auto owner = objective(subject);
  ProfiledObjective& profiled = *owner;
  const Vector theta = thetas(subject.model)[0];
  profiled.value(theta);
  profiled.gradient();
  check(profiled.approximate_hessian().llt().info() == Eigen::Success, "positive definite");
  const Vector start = profiled.moment_start();
  check(start.allFinite() && std::isfinite(profiled.value(start)), "a start with a value");
}

/// In all parameters, the objective from cross products is the one from the rows.
void point_matches(const Subject& subject) {
  const Model& model = subject.model;
  Layouts layouts;
  const ParameterMap map(model);
  GaussianPoint from_products(model, layouts.profiled(model));
  LaplaceObjective from_rows(model, layouts.laplace(model), {});
  Draws draws(7);
  for (const Vector& theta : thetas(model)) {
    Vector point = draws.uniforms(map.size());
    point.tail(theta.size()) = theta;
    check(from_products.has_digits(point), "digits");
    check_near(from_products.value(point), from_rows.precise_value(point), 1e-11, 0.0, "value");
    const Vector expected = from_rows.gradient();
    check_near_matrix(from_products.gradient(), expected, 1e-8 * (1.0 + expected.cwiseAbs().maxCoeff()), "gradient");
    const Matrix information = from_products.approximate_hessian();
    const Vector gradient = from_products.gradient();
    for (Index j = 0; j + 1 < map.theta_offset(); ++j) {  // the likelihood is quadratic in a coefficient
      from_products.value(point + Vector::Unit(map.size(), j));
      check_near((from_products.gradient() - gradient)[j], information(j, j), 1e-8, 1e-8, "information");
    }
  }
}

/// Rotations and cross products lead to the same factor: its pivots, and its last row.
void rows_match(const Subject& subject) {
  const Model& model = subject.model;
  const int columns = int(model.predictors()[0].columns());
  const CrossProductLayout layout(model.terms(), model.rows(), columns + 1);
  const GaussianProducts products = gaussian_products(model, layout.pairs());
  ScaledSystem by_products(model.terms(), layout, model.kernels()), by_rows = by_products;
  const GaussianRows rows(model, layout, products.least_squares);
  const int last = layout.pattern().tail_order() - 1;
  for (const Vector& theta : thetas(model)) {
    by_products.set_theta(theta);
    by_rows.set_theta(theta);
    check(by_products.factor(products.blocks) && rows.factor(by_rows), "a factor");
    check_near(by_rows.cholesky().log_determinant(columns), by_products.cholesky().log_determinant(columns), 1e-11,
               1e-11, "log determinant");
    for (int j = 0; j <= last; ++j)
      check_near(by_rows.cholesky().tail(last, j), by_products.cholesky().tail(last, j), 1e-9, 1e-9, "last row");
  }
}

void test_no_value() {
  run("an autocorrelation beyond its range has no value, and says so", [] {
    const Subject subject(kinds[0]);
    const auto owner = objective(subject);
    ProfiledObjective& profiled = *owner;
    Vector theta = thetas(subject.model)[0];
    theta[5] = 1e5;
    check(std::isinf(profiled.value(theta)) && !profiled.failure().empty(), "infinite, with a reason");
  });
}

void test_which_models_are_grouped() {
  run("crossed, serial and very wide terms are not for the objective of one factor", [] {
    check(make_grouped_gaussian(Subject(kinds[0]).model) == nullptr, "crossed terms");
    for (const auto& [columns, structure] : {std::pair(6, "ar1"), std::pair(5, "diag")}) {
      Draws draws(4);
      ModelInput input;
      input.likelihood = likelihood("gaussian", Link::identity);
      input.response = draws.uniforms(kRows);
      input.predictors = {constant_predictor(kRows), constant_predictor(kRows)};
      input.terms = {
          indicator_term(random_levels(kRows, 9, draws), 9, random_levels(kRows, columns, draws), columns, structure)};
      check(make_grouped_gaussian(Model(std::move(input))) == nullptr, structure);
    }
  });
}

}  // namespace

int main() {
  std::vector<Kind> all = kinds;
  for (Kind& kind : grouped_kinds()) all.push_back(std::move(kind));
  for (const Kind& kind : all) {
    const Subject subject(kind);
    run(kind.name + ": the criterion is the dense one", [&] { value_matches(subject); });
    run(kind.name + ": the gradient is that of the criterion", [&] { gradient_matches(subject); });
    run(kind.name + ": conditional modes", [&] { effects_match(subject); });
    run(kind.name + ": the likelihood in all parameters", [&] { point_matches(subject); });
    run(kind.name + ": the factor from the rows", [&] { rows_match(subject); });
    run(kind.name + ": what a search starts from", [&] { hessian_is_positive(subject); });
  }
  test_no_value();
  test_which_models_are_grouped();
  return finish();
}
