// The two ways to write a model's parameters.

#include "ranef/model/parameters.hpp"

#include <Eigen/LU>
#include <string>

#include "support/finite_difference.hpp"
#include "support/models.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

constexpr Index kRows = 90;

Model model(bool reml) {
  Draws draws(6);
  const Vector x = draws.uniforms(kRows);
  ModelInput input;
  input.likelihood = likelihood("gaussian", Link::identity);
  input.response = draws.uniforms(kRows);
  input.predictors = {{intercept_and_slope(x), {}}, {intercept_and_slope(draws.uniforms(kRows)), {}}};
  input.terms = terms_of_every_kind(kRows, x, draws);
  input.terms.push_back(intercept_term(random_levels(kRows, 6, draws), 6, 1));
  input.reml = reml;
  return Model(std::move(input));
}

Vector point(const ParameterMap& map) {
  Draws draws(7);
  return draws.uniforms(map.size(), 0.2, 0.9);
}

template <class Law>
void for_ml_and_reml(const std::string& law, Law test) {
  for (const bool reml : {false, true})
    run(std::string(reml ? "REML: " : "ML: ") + law, [&] {
      const Model subject = model(reml);
      test(subject, ParameterMap(subject));
    });
}

}  // namespace

int main() {
  for_ml_and_reml("predictors come first, then terms", [](const Model& subject, const ParameterMap& map) {
    const Index integrated = subject.reml() ? 2 : 0;
    check(map.size() == 4 - integrated + theta_size(subject.terms()), "size");
    check(Index(map.parameters().size()) == map.size(), "one description each");
    check(map.coefficient_offset(0) == (subject.reml() ? -1 : 0), "the mean's coefficients");
    check(map.coefficient_offset(1) == 2 - integrated, "the dispersion's coefficients");
    check(map.theta_offset() == 4 - integrated && map.term_offset(0) == map.theta_offset(), "theta");
    const Parameter& first_sd = map.parameters()[std::size_t(map.theta_offset())];
    check(first_sd.kind == Parameter::Kind::sd && first_sd.owner == 0 && first_sd.row == 0, "first of theta");
    check(map.parameters().back().owner == 4 && map.parameters().back().kind == Parameter::Kind::sd, "last");
  });
  for_ml_and_reml("values and point undo each other", [](const Model&, const ParameterMap& map) {
    const Vector values = map.to_values(point(map));
    check_near_matrix(map.to_values(map.to_point(values)), values, 1e-10, "values");
  });
  for_ml_and_reml("coefficients of the user's columns give the same predictor",
                  [](const Model& subject, const ParameterMap& map) {
                    const Vector at = point(map), values = map.to_values(at);
                    for (std::size_t k = 0; k < 2; ++k) {
                      if (map.coefficient_offset(k) < 0) continue;
                      const LinearPredictor& predictor = subject.predictors()[k];
                      const Matrix user = predictor.matrix * predictor.to_user.inverse();
                      check_near_matrix(user.col(0), Vector::Ones(kRows), 1e-12, "the user's intercept");
                      check_near_matrix(user * values.segment(map.coefficient_offset(k), 2),
                                        predictor.matrix * at.segment(map.coefficient_offset(k), 2), 1e-12, "eta");
                      check_near_matrix(predictor.matrix.transpose() * predictor.matrix / double(kRows),
                                        Matrix::Identity(2, 2), 1e-12, "orthogonal columns of mean square one");
                    }
                  });
  for_ml_and_reml("the Jacobian is that of values", [](const Model&, const ParameterMap& map) {
    const Vector at = point(map);
    Matrix numeric(map.size(), map.size());
    for (Index i = 0; i < map.size(); ++i)
      for (Index p = 0; p < map.size(); ++p)
        numeric(i, p) = central_difference(
            [&](double shift) {
              Vector moved = at;
              moved[p] += shift;
              return map.to_values(moved)[i];
            },
            0.0, 1e-3);
    check_near_matrix(map.jacobian(at), numeric, 1e-8, "d values / d point");
  });
  return finish();
}
