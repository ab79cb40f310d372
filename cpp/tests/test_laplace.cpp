// The Laplace approximation: exact for Gaussian models, and its gradient and
// the movement of its mode against differences for models where it is not.

#include "ranef/objective/laplace.hpp"

#include <cmath>
#include <string>

#include "support/dense_model.hpp"
#include "support/finite_difference.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr Index kRows = 150;
constexpr double kLog2Pi = 1.8378770664093454836;
constexpr double kStep = 1e-3;

struct Subject {
  std::string name;
  Model model;
  Vector point;
};

LaplaceObjective objective(const Model& model) {
  const int border = model.mean_in_mode() ? int(model.predictors()[0].columns()) : 0;
  return {model, std::make_shared<CrossProductLayout>(model.terms(), model.rows(), border), InnerOptions()};
}

/// Every predictor but the mean: a constant near `other`; scales near one half.
Vector ordinary_point(const Model& model, double other) {
  Draws draws(13);
  Vector out(0);
  const auto append = [&](const Vector& more) {
    Vector longer(out.size() + more.size());
    longer << out, more;
    out = longer;
  };
  for (std::size_t k = model.mean_in_mode() ? 1 : 0; k < model.predictors().size(); ++k) {
    Vector own = 0.2 * draws.uniforms(model.predictors()[k].columns());
    if (k > 0) own[0] += other;
    append(own);
  }
  append(draws.uniforms(theta_size(model.terms()), 0.2, 0.7));
  return out;
}

Subject gaussian(bool reml) {
  Draws draws(5);
  const Vector x = draws.uniforms(kRows);
  ModelInput input;
  input.likelihood = likelihood("gaussian", Link::identity);
  input.response = draws.uniforms(kRows) + x;
  input.predictors = {{intercept_and_slope(x), draws.uniforms(kRows)},
                      {intercept_and_slope(draws.uniforms(kRows)), {}}};
  input.terms = terms_of_every_kind(kRows, x, draws);
  input.reml = reml;
  Model model(std::move(input));
  const Vector point = ordinary_point(model, -0.3);
  return {reml ? "Gaussian with modelled dispersion, REML" : "Gaussian with modelled dispersion", std::move(model),
          point};
}

Subject poisson(bool reml, bool joint = false) {
  Draws draws(6);
  const Vector x = draws.uniforms(kRows);
  ModelInput input;
  input.likelihood = likelihood("poisson", Link::log);
  input.response = Vector::NullaryExpr(kRows, [&](Index i) { return draws.poisson(std::exp(0.4 + 0.5 * x[i])); });
  input.predictors = {{intercept_and_slope(x), {}}};
  input.weights = draws.uniforms(kRows, 0.5, 1.5);
  input.terms = terms_of_every_kind(kRows, x, draws);
  input.reml = reml;
  input.joint = joint;
  Model model(std::move(input));
  const Vector point = ordinary_point(model, 0.0);
  return {reml ? "Poisson, REML" : joint ? "Poisson, joint mode" : "Poisson", std::move(model), point};
}

/// Random effects in the mean and in the zero inflation.
Subject zero_inflated_nbinom2(bool joint = false) {
  Draws draws(7);
  const Vector x = draws.uniforms(kRows);
  ModelInput input;
  input.likelihood = likelihood("nbinom2", Link::log, true);
  input.response = Vector::NullaryExpr(
      kRows, [&](Index i) { return draws.uniform() < -0.5 ? 0.0 : draws.poisson(std::exp(1.0 + 0.5 * x[i])); });
  input.predictors = {{intercept_and_slope(x), {}}, constant_predictor(kRows), {intercept_and_slope(x), {}}};
  const std::vector<int> levels = random_levels(kRows, 12, draws);
  input.terms = {slope_term(levels, 12, intercept_and_slope(x)), intercept_term(random_levels(kRows, 6, draws), 6),
                 intercept_term(levels, 12, 2)};
  input.joint = joint;
  Model model(std::move(input));
  const Vector point = ordinary_point(model, -0.8);
  const std::string name = "zero-inflated nbinom2 with random effects in both predictors";
  return {joint ? name + ", joint mode" : name, std::move(model), point};
}

std::vector<Subject> subjects() {
  return {gaussian(false),
          gaussian(true),
          poisson(false),
          poisson(true),
          poisson(false, true),
          zero_inflated_nbinom2(),
          zero_inflated_nbinom2(true)};
}

Vector moved(const Vector& point, Index p, double shift) {
  Vector out = point;
  out[p] += shift;
  return out;
}

/// The exact marginal (ML) or restricted (REML: with a flat prior, of the
/// user's coefficients) likelihood.
double exact_gaussian(const Subject& subject) {
  const Model& model = subject.model;
  const LinearPredictor &mean = model.predictors()[0], &dispersion = model.predictors()[1];
  const Index first = model.reml() ? 0 : 2;
  const Vector log_sd = dispersion.matrix * subject.point.segment(first, 2);
  Matrix v = dense_marginal(model.terms(), subject.point.tail(theta_size(model.terms())));
  v.diagonal().array() += (2.0 * log_sd.array()).exp();
  const Vector y = model.response() - mean.offset;
  if (!model.reml()) {
    const Vector residual = y - mean.matrix * subject.point.head(2);
    return 0.5 * (log_determinant(v) + double(kRows) * kLog2Pi + residual.dot(v.llt().solve(residual)));
  }
  const GeneralisedLeastSquares gls(mean.matrix * mean.to_user.inverse(), y, v);
  return 0.5 * (gls.log_covariance + gls.log_information + double(kRows - 2) * kLog2Pi + gls.residual_squares);
}

void test_gaussian() {
  for (const bool reml : {false, true}) {
    const Subject subject = gaussian(reml);
    run(subject.name + ": the approximation is exact", [&] {
      LaplaceObjective laplace = objective(subject.model);
      check_near(laplace.value(subject.point), exact_gaussian(subject), 1e-10, 1e-10, "value");
      check_near(laplace.precise_value(subject.point), exact_gaussian(subject), 1e-11, 1e-10, "precise value");
    });
  }
}

void gradient_matches(const Subject& subject) {
  LaplaceObjective laplace = objective(subject.model);
  check(laplace.size() == subject.point.size(), "size");
  check(std::isfinite(laplace.precise_value(subject.point)), laplace.failure());
  const Vector gradient = laplace.gradient();
  for (Index p = 0; p < gradient.size(); ++p) {
    const double numeric = central_difference(
        [&](double shift) { return laplace.precise_value(moved(subject.point, p, shift)); }, 0.0, kStep);
    check_near(gradient[p], numeric, 1e-7, 2e-7, "parameter " + std::to_string(p));
  }
}

/// The mode is stationary, and moves as its derivative says.
void mode_moves(const Subject& subject) {
  LaplaceObjective laplace = objective(subject.model);
  laplace.precise_value(subject.point);
  laplace.gradient();
  for (Index p = 0; p < subject.point.size(); ++p) {
    laplace.precise_value(subject.point);
    laplace.gradient();
    const Vector derivative = laplace.mode_derivative(Vector::Unit(subject.point.size(), p));
    const auto mode = [&](double shift) -> Vector {
      laplace.precise_value(moved(subject.point, p, shift));
      return laplace.mode();
    };
    const Vector numeric =
        (8.0 * (mode(kStep) - mode(-kStep)) - (mode(2.0 * kStep) - mode(-2.0 * kStep))) / (12.0 * kStep);
    check_near_matrix(derivative, numeric, 1e-7, "parameter " + std::to_string(p));
  }
}

/// A value does not depend on where the search for the mode began, beyond what
/// it says.
void warm_starts_do_not_matter(const Subject& subject) {
  LaplaceObjective laplace = objective(subject.model);
  const double cold = laplace.precise_value(subject.point);
  Vector far = subject.point;
  far.tail(2) *= 2.5;
  laplace.precise_value(far);
  check_near(laplace.precise_value(subject.point), cold, 1e-12, 1e-10, "from another point");
  laplace.gradient();
  laplace.value(moved(subject.point, 0, 0.3));
  check_near(laplace.value(subject.point), cold, 1e-12, 1e-9 + laplace.noise(), "by prediction");
  laplace.reset_mode();
  check_near(laplace.precise_value(subject.point), cold, 1e-12, 1e-10, "after a reset");
}

void approximate_hessian_is_positive(const Subject& subject) {
  LaplaceObjective laplace = objective(subject.model);
  laplace.value(subject.point);
  laplace.gradient();
  const Matrix hessian = laplace.approximate_hessian();
  check(hessian.llt().info() == Eigen::Success, "positive definite");
}

/// The joint value is Laplace's at the coefficients of the joint mode, where the penalised likelihood is stationary.
void test_joint_mode() {
  run("a joint mode's value is that of the Laplace approximation at its coefficients", [] {
    const Subject joint = zero_inflated_nbinom2(true), outer = zero_inflated_nbinom2();
    LaplaceObjective found = objective(joint.model);
    const double value = found.precise_value(joint.point);
    Vector point(outer.point.size());
    point << found.border_coefficients(), joint.point;
    LaplaceObjective laplace = objective(outer.model);
    check_near(laplace.precise_value(point), value, 1e-12, 0.0, "value");
    const TermVectors expected = found.effects(), effects = laplace.effects();
    for (std::size_t t = 0; t < effects.size(); ++t)
      check_near_matrix(effects[t], expected[t], 1e-9, "effects of term " + std::to_string(t));
  });
  run("coefficients are not both integrated out and found with the mode",
      [] { check(throws<std::invalid_argument>([] { poisson(true, true); }), "REML of a joint mode"); });
}

/// The rows' scores add up to the gradient in the coefficients that are parameters.
void row_scores_add_up(const Subject& subject) {
  LaplaceObjective laplace = objective(subject.model);
  laplace.precise_value(subject.point);
  const Vector gradient = laplace.gradient();
  for (std::size_t k = 0; k < subject.model.predictors().size(); ++k) {
    const Index at = laplace.coefficient_offset(k);
    const Matrix& x = subject.model.predictors()[k].matrix;
    if (at >= 0)
      check_near_matrix(Vector(x.transpose() * laplace.row_score().col(static_cast<Index>(k))),
                        Vector(gradient.segment(at, x.cols())), 1e-12, "predictor " + std::to_string(k));
  }
}

void test_zero_scales() {
  run("with all variances zero, the value is that of independent rows", [] {
    Subject subject = poisson(false);
    subject.point.tail(theta_size(subject.model.terms())).setZero();
    LaplaceObjective laplace = objective(subject.model);
    const Vector eta = subject.model.predictors()[0].matrix * subject.point.head(2);
    double direct = 0.0;
    for (Index i = 0; i < kRows; ++i) {
      const double y = subject.model.response()[i];
      direct += subject.model.weights()[i] * (std::exp(eta[i]) - y * eta[i] + std::lgamma(y + 1.0));
    }
    check_near(laplace.value(subject.point), direct, 1e-12, 0.0, "value");
    check(laplace.mode().isZero(0.0), "no effects");
    check_near(laplace.gradient().tail(theta_size(subject.model.terms())).head(3).norm(), 0.0, 0.0, 1e-12,
               "stationary in the scales");
  });
}

template <class Law>
void for_every_subject(const std::string& law, Law test) {
  for (const Subject& subject : subjects()) run(subject.name + ": " + law, [&] { test(subject); });
}

}  // namespace

int main() {
  test_gaussian();
  for_every_subject("the gradient is that of the value", gradient_matches);
  for_every_subject("the mode moves as its derivative says", mode_moves);
  for_every_subject("the value does not depend on the start of the inner search", warm_starts_do_not_matter);
  for_every_subject("Hessian for a first step", approximate_hessian_is_positive);
  for (const Subject& subject : {gaussian(false), gaussian(true), poisson(false), zero_inflated_nbinom2()})
    run(subject.name + ": scores of rows add up to the gradient", [&] { row_scores_add_up(subject); });
  test_joint_mode();
  test_zero_scales();
  return finish();
}
