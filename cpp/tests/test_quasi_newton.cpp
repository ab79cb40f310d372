// The optimiser on functions with known minima, and each way in which it ends.

#include "ranef/optimize/quasi_newton.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>

#include "ranef/optimize/difference_hessian.hpp"
#include "ranef/optimize/free_coordinates.hpp"
#include "support/near_matrix.hpp"

namespace {

using namespace ranef;
using namespace ranef::test;

/// A function given by closures; infinite where `allowed` says no.
struct Function : Objective {
  Index dimension = 0;
  std::function<double(const Vector&)> f;
  std::function<Vector(const Vector&)> df;
  std::function<bool(const Vector&)> allowed = [](const Vector&) { return true; };
  Matrix approximation;
  Vector last;

  Index size() const override { return dimension; }
  double value(const Vector& point) override {
    last = point;
    return allowed(point) ? f(point) : kNoValue;
  }
  Vector gradient() override { return df(last); }
  Matrix approximate_hessian() override { return approximation; }
  std::string failure() const override { return "not allowed"; }
};

/// Sum of 100 (x_{2i+1} - x_2i^2)^2 + (1 - x_2i)^2 over pairs; minimum zero at
/// ones.
Function rosenbrock(Index pairs) {
  Function out;
  out.dimension = 2 * pairs;
  out.approximation = Matrix::Identity(2 * pairs, 2 * pairs);
  out.f = [](const Vector& x) {
    double sum = 0.0;
    for (Index i = 0; i < x.size(); i += 2)
      sum += 100.0 * std::pow(x[i + 1] - x[i] * x[i], 2) + std::pow(1.0 - x[i], 2);
    return sum;
  };
  out.df = [](const Vector& x) {
    Vector g(x.size());
    for (Index i = 0; i < x.size(); i += 2) {
      g[i] = -400.0 * x[i] * (x[i + 1] - x[i] * x[i]) - 2.0 * (1.0 - x[i]);
      g[i + 1] = 200.0 * (x[i + 1] - x[i] * x[i]);
    }
    return g;
  };
  return out;
}

/// 1/2 (x - c)' A (x - c) with eigenvalues over six decades.
struct Quadratic {
  Matrix a;
  Vector centre;
  Function function;

  explicit Quadratic(Index size) : a(Matrix::Zero(size, size)), centre(Vector::LinSpaced(size, -2.0, 3.0)) {
    for (Index i = 0; i < size; ++i) {
      a(i, i) = std::pow(10.0, -3.0 + 6.0 * double(i) / double(size - 1));
      for (Index j = 0; j < i; ++j) a(i, j) = a(j, i) = 0.1 * std::sqrt(a(i, i) * a(j, j));
    }
    function.dimension = size;
    function.approximation = Matrix::Identity(size, size);
    function.f = [this](const Vector& x) { return 0.5 * (x - centre).dot(a * (x - centre)); };
    function.df = [this](const Vector& x) -> Vector { return a * (x - centre); };
  }
  Quadratic(const Quadratic&) = delete;
};

void test_minima() {
  run("Rosenbrock's valley is followed to its minimum", [] {
    for (const Index pairs : {1, 3}) {
      Function f = rosenbrock(pairs);
      Vector start(2 * pairs);
      for (Index i = 0; i < pairs; ++i) start.segment(2 * i, 2) << -1.2 - 0.3 * double(i), 1.0;
      const OptimizerReport report = minimise(f, start, {});
      check(report.termination == Termination::converged, describe(report.termination));
      check_near_matrix(report.point, Vector::Ones(2 * pairs), 1e-3, "minimum");
      check(report.value < 1e-7 && report.value == f.f(report.point), "value");
      check_near_matrix(report.gradient, f.df(report.point), 0.0, "the gradient is that of the point");
    }
  });
  run("a quadratic with its own Hessian takes one step", [] {
    Quadratic q(6);
    q.function.approximation = q.a;
    const OptimizerReport report = minimise(q.function, Vector::Ones(6), {});
    check(report.termination == Termination::converged && report.iterations == 1 && report.evaluations == 2,
          std::to_string(report.iterations) + " iterations");
    check_near_matrix(report.point, q.centre, 1e-9, "minimum");
  });
  run("a badly scaled quadratic is minimised from the identity", [] {
    Quadratic q(6);
    const OptimizerReport report = minimise(q.function, Vector::Ones(6), {});
    check(report.termination == Termination::converged, describe(report.termination));
    check(report.value < 1e-5, "value " + std::to_string(report.value));
    check(report.expected_gain < 1e-8 && report.expected_gain >= 0.0, "expected gain");
  });
  run("steps that leave the domain are shortened", [] {
    Quadratic q(3);
    q.function.approximation = 0.01 * q.a;
    q.function.allowed = [&](const Vector& x) { return (x - q.centre).norm() < 6.0; };
    const OptimizerReport report = minimise(q.function, q.centre + Vector::Constant(3, 2.0), {});
    check(report.termination == Termination::converged, describe(report.termination));
    check(report.value < 1e-5, "value");
  });
}

/// The quartic valley sum of (x_i^2 - 1)^2 / 4 with an information matrix that
/// vanishes at zero, as that of a variance does.
Function even_wells(Index size) {
  Function out;
  out.dimension = size;
  out.f = [](const Vector& x) { return 0.25 * (x.array().square() - 1.0).square().sum(); };
  out.df = [](const Vector& x) -> Vector { return x.array() * (x.array().square() - 1.0); };
  return out;
}

void test_hard_minima() {
  run("a search that creeps is given the exact Hessian", [] {
    // The approximation is far too large: without the exact Hessian each step gains next to nothing.
    Function f = rosenbrock(10);
    f.approximation = 1e4 * Matrix::Identity(20, 20);
    const OptimizerReport report = minimise(f, Vector::Zero(20), {});
    check(report.termination == Termination::converged, describe(report.termination));
    check(report.value < 1e-4 && report.iterations < 150, std::to_string(report.iterations) + " iterations");
  });
  run("a curvature of the wrong sign leads away from a saddle", [] {
    Function f = even_wells(3);
    f.approximation = 1e3 * Matrix::Identity(3, 3);
    const OptimizerReport report = minimise(f, Vector::Constant(3, 0.1), {});
    check(report.termination == Termination::converged, describe(report.termination));
    check(report.value < 1e-6 && report.iterations < 60, std::to_string(report.iterations) + " iterations");
  });
  run("an expected Hessian that promises what it does not keep is corrected", [] {
    struct Expected final : Function {
      explicit Expected(const Function& f) : Function(f) {}
      bool hessian_is_expected() const override { return true; }
    };
    Quadratic q(8);
    Expected f(q.function);
    f.approximation = 1e-3 * Matrix::Identity(8, 8);
    const OptimizerReport report = minimise(f, q.centre + Vector::Constant(8, 30.0), {});
    check(report.termination == Termination::converged, describe(report.termination));
    check(report.value < 1e-6 && report.iterations < 60, std::to_string(report.iterations) + " iterations");
  });
}

void test_bounds() {
  const double free = std::numeric_limits<double>::infinity();
  run("a minimum at an end of a range is found there, exactly", [&] {
    // Coupled coordinates: where the second is held at zero the first moves to where it is best beside that.
    Function f;
    f.dimension = 2;
    const Matrix a = (Matrix(2, 2) << 2.0, 1.5, 1.5, 2.0).finished();
    const Vector b = (Vector(2) << 1.0, -3.0).finished();
    f.approximation = Matrix::Identity(2, 2);
    f.f = [&](const Vector& x) { return 0.5 * x.dot(a * x) - b.dot(x); };
    f.df = [&](const Vector& x) -> Vector { return a * x - b; };
    f.allowed = [](const Vector& x) { return x[1] >= 0.0; };
    const Bounds bounds{(Vector(2) << -free, 0.0).finished(), Vector::Constant(2, free)};
    for (const double start : {0.0, 3.0}) {
      const OptimizerReport report = minimise(f, Vector::Constant(2, start), {}, {}, bounds);
      check(report.termination == Termination::converged, describe(report.termination));
      check(report.point[1] == 0.0, "at the end");
      check_near(report.point[0], 0.5, 1e-6, 1e-6, "the free coordinate");
    }
  });
  run("a coordinate at an end is let go when the objective falls towards the inside", [&] {
    // Uncorrected steps from the corner would leave the box; the minimum is inside.
    Function f;
    f.dimension = 3;
    Matrix a = Matrix::Constant(3, 3, -0.45);
    a.diagonal().setConstant(1.0);
    const Vector centre = (Vector(3) << 0.2, 0.5, 0.9).finished();
    f.approximation = a + 0.5 * Matrix::Ones(3, 3);
    f.f = [&](const Vector& x) { return 0.5 * (x - centre).dot(a * (x - centre)); };
    f.df = [&](const Vector& x) -> Vector { return a * (x - centre); };
    f.allowed = [](const Vector& x) { return x.minCoeff() >= 0.0 && x.maxCoeff() <= 1.0; };
    const Bounds bounds{Vector::Zero(3), Vector::Ones(3)};
    for (const Vector& start : {Vector(Vector::Zero(3)), Vector(Vector::Unit(3, 0)), Vector(Vector::Unit(3, 2))}) {
      const OptimizerReport report = minimise(f, start, {}, {}, bounds);
      check(report.termination == Termination::converged, describe(report.termination));
      check_near_matrix(report.point, centre, 1e-3, "minimum");
    }
  });
}

void test_terminations() {
  run("no start", [] {
    Quadratic q(3);
    q.function.allowed = [](const Vector&) { return false; };
    const OptimizerReport report = minimise(q.function, Vector::Zero(3), {});
    check(report.termination == Termination::no_start && report.evaluations == 1, describe(report.termination));
    check_near_matrix(report.point, Vector::Zero(3), 0.0, "the start is reported");
  });
  run("iterations run out", [] {
    Function f = rosenbrock(1);
    OptimizerOptions options;
    options.max_iterations = 3;
    const OptimizerReport report = minimise(f, (Vector(2) << -1.2, 1.0).finished(), options);
    check(report.termination == Termination::max_iterations && report.iterations == 3, describe(report.termination));
    check(report.value < f.f((Vector(2) << -1.2, 1.0).finished()), "and yet it improved");
  });
  run("a start with no value around it is a stall", [] {
    Quadratic q(3);
    q.function.allowed = [](const Vector& x) { return x == Vector::Ones(3); };
    const OptimizerReport report = minimise(q.function, Vector::Ones(3), {});
    check(report.termination == Termination::stalled, describe(report.termination));
    check(report.expected_gain > 1e-8, "a gain was still predicted");
    check_near_matrix(report.point, Vector::Ones(3), 0.0, "the start is reported");
  });
  run("a value that is not found again ends the search and does not send it uphill", [] {
    // The minimum, 25/3, lies beyond the edge; whoever has looked over it finds another branch on coming back.
    Function f;
    f.dimension = 1;
    f.approximation = Matrix::Identity(1, 1);
    bool looked_over = false;
    f.allowed = [&](const Vector& x) {
      looked_over = looked_over || x[0] > 1.5;
      return x[0] <= 1.5;
    };
    f.f = [&](const Vector& x) { return looked_over ? 1000.0 - x[0] : -x[0] + 0.06 * x[0] * x[0]; };
    f.df = [&](const Vector& x) -> Vector { return Vector::Constant(1, looked_over ? -1.0 : -1.0 + 0.12 * x[0]); };
    const OptimizerReport report = minimise(f, Vector::Zero(1), {});
    check(looked_over, "the edge was met");
    check(report.termination == Termination::stalled, describe(report.termination));
    check_near(report.value, -0.94, 1e-12, 0.0, "the best value is reported");
    check_near(report.point[0], 1.0, 1e-12, 0.0, "where it was found");
  });
  run("a gradient that points the wrong way is not called a minimum", [] {
    Quadratic q(3);
    q.function.df = [&](const Vector& x) -> Vector { return -(q.a * (x - q.centre)); };
    const OptimizerReport report = minimise(q.function, Vector::Ones(3), {});
    check(report.termination != Termination::converged, describe(report.termination));
    check(report.expected_gain > 1e-8, "a gain was still predicted");
  });
  run("a start at the minimum has converged", [] {
    Quadratic q(3);
    const OptimizerReport report = minimise(q.function, q.centre, {});
    check(report.termination == Termination::converged && report.iterations == 0, describe(report.termination));
  });
  run("progress is told of every iteration and may stop the search", [] {
    Function f = rosenbrock(1);
    int calls = 0;
    const Vector start = (Vector(2) << -1.2, 1.0).finished();
    const OptimizerReport report = minimise(f, start, {}, [&](int iteration, double value, double norm) {
      check(iteration == calls++ && std::isfinite(value) && norm >= 0.0, "iteration");
    });
    check(calls == report.iterations + 1, "calls");
    check(throws<int>([&] { minimise(f, start, {}, [](int, double, double) { throw 1; }); }), "stopped");
  });
  run("every termination has a name of its own", [] {
    check(std::string(describe(Termination::converged)) == "converged", "converged");
    check(std::string(describe(Termination::stalled)) == "stalled", "stalled");
    check(std::string(describe(Termination::max_iterations)) == "max_iterations", "max_iterations");
    check(std::string(describe(Termination::no_start)) == "no_start", "no_start");
    check(std::string(describe(Termination::pole)) == "pole", "pole");
  });
}

void test_difference_hessian() {
  run("differences of the gradient give the Hessian", [] {
    Quadratic q(4);
    const Vector at = Vector::Ones(4), gradient = q.function.df(at);
    for (const Differences kind : {Differences::forward, Differences::central}) {
      const DifferencedHessian found = difference_hessian(q.function, at, gradient, Vector::Ones(4), kind);
      check(found.ok, "found");
      check_near_matrix(found.hessian, q.a, 1e-9, "of a quadratic");
    }
    // A scale that is far too long for the objective's bend is shortened.
    Function wells = even_wells(2);
    const Vector place = Vector::Constant(2, 0.1);
    const Matrix found =
        difference_hessian(wells, place, wells.df(place), Vector::Constant(2, 300.0), Differences::forward).hessian;
    check_near_matrix(found, Matrix((3.0 * 0.01 - 1.0) * Matrix::Identity(2, 2)), 5e-2, "near a short bend");
    q.function.allowed = [&](const Vector& x) { return x[2] <= 1.0; };
    check(!difference_hessian(q.function, at, gradient, Vector::Ones(4), Differences::forward).ok, "outside");
  });
}

void test_restriction() {
  run("a restricted objective is the objective on its part of the space", [] {
    Quadratic q(4);
    AffineSpace space = AffineSpace::everything(4).without({1, 3});
    check(space.directions.cols() == 2, "two free coordinates");
    RestrictedObjective restricted(q.function, space);
    const Vector free = (Vector(2) << 0.4, -0.7).finished();
    const Vector point = (Vector(4) << 0.4, 0.0, -0.7, 0.0).finished();
    check_near_matrix(space.point(free), point, 0.0, "point");
    check_near_matrix(space.coordinates(point), free, 0.0, "coordinates");
    check(restricted.value(free) == q.function.f(point), "value");
    const Vector gradient = q.function.df(point);
    check_near_matrix(restricted.gradient(), (Vector(2) << gradient[0], gradient[2]).finished(), 0.0, "gradient");
    const OptimizerReport report = minimise(restricted, free, {});
    check(report.termination == Termination::converged, describe(report.termination));
    const Vector end = q.function.df(space.point(report.point));
    check(std::abs(end[0]) < 1e-3 && std::abs(end[2]) < 1e-3, "stationary in the free coordinates");
  });
}

}  // namespace

int main() {
  test_minima();
  test_hard_minima();
  test_bounds();
  test_terminations();
  test_difference_hessian();
  test_restriction();
  return finish();
}
