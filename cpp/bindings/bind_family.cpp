// The registry of families, links, and likelihoods on arrays.

#include <pybind11/eigen.h>
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "options.hpp"
#include "ranef/family/registry.hpp"
#include "ranef/link/link.hpp"
#include "ranef/simulated_ranks.hpp"

namespace py = pybind11;

namespace {

using ranef::FamilyInfo;
using ranef::Index;
using ranef::Likelihood;
using ranef::RowBlock;
using Floats = py::array_t<double, py::array::c_style | py::array::forcecast>;
using OptionalFloats = std::optional<Floats>;

struct IndexedFamily {
  int index = 0;
  FamilyInfo info;
};

std::vector<IndexedFamily> indexed_families() {
  std::vector<IndexedFamily> out;
  for (FamilyInfo& info : ranef::families()) out.push_back({int(out.size()), std::move(info)});
  return out;
}

std::vector<std::string> link_names(const std::vector<ranef::Link>& links) {
  std::vector<std::string> names;
  for (const ranef::Link link : links) names.emplace_back(ranef::kLinkNames[std::size_t(link)]);
  return names;
}

ranef::Link checked_link(int link) {
  if (link < 0 || link >= int(ranef::kLinkNames.size())) {
    throw std::invalid_argument("no link has index " + std::to_string(link));
  }
  return ranef::Link(link);
}

void check_length(const char* name, const Floats& array, Index size) {
  if (array.ndim() == 1 && array.shape(0) == size) return;
  throw std::invalid_argument(std::string(name) + " must be one-dimensional with length " + std::to_string(size));
}

/// The rows of the arrays, whose memory the caller keeps alive.
RowBlock block_of(const Likelihood& likelihood, const std::vector<Floats>& eta, const OptionalFloats& trials,
                  const Floats* response = nullptr) {
  const int predictors = likelihood.predictor_count();
  if (int(eta.size()) != predictors) {
    throw std::invalid_argument("eta has " + std::to_string(eta.size()) + " predictors but the likelihood has " +
                                std::to_string(predictors));
  }
  RowBlock block;
  block.size = eta[0].size();
  for (std::size_t k = 0; k < eta.size(); ++k) {
    check_length("eta", eta[k], block.size);
    block.eta[k] = eta[k].data();
  }
  if (trials) {
    check_length("trials", *trials, block.size);
    block.trials = trials->data();
  }
  if (response != nullptr) {
    check_length("y", *response, block.size);
    block.response = response->data();
  }
  return block;
}

/// Row by row: the block's value is a sum.
Floats loglik(const Likelihood& likelihood, const Floats& y, const std::vector<Floats>& eta,
              const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials, &y);
  Floats out(block.size);
  double* const values = out.mutable_data();
  std::vector<double> prepared(std::size_t(likelihood.prepared_columns()));
  for (Index i = 0; i < block.size; ++i) {
    RowBlock row;
    row.size = 1;
    row.response = block.response + i;
    row.trials = block.trials == nullptr ? nullptr : block.trials + i;
    for (std::size_t k = 0; k < eta.size(); ++k) row.eta[k] = block.eta[k] + i;
    likelihood.prepare(row, prepared.data(), 1);
    row.prepared = prepared.data();
    row.prepared_stride = 1;
    values[i] = -prepared[0] - likelihood.value(row);
  }
  return out;
}

/// Gradient (n x K) and Hessian (n x K x K) of every row's negative log-likelihood in the linear predictors.
std::pair<py::array_t<double>, py::array_t<double>> derivatives(const Likelihood& likelihood, const Floats& y,
                                                                const std::vector<Floats>& eta,
                                                                const OptionalFloats& trials) {
  RowBlock block = block_of(likelihood, eta, trials, &y);
  const int count = likelihood.predictor_count();
  const Index n = block.size;
  std::vector<double> prepared(std::size_t(likelihood.prepared_columns() * n));
  likelihood.prepare(block, prepared.data(), n);
  block.prepared = prepared.data();
  block.prepared_stride = n;
  py::array_t<double, py::array::f_style> gradient({py::ssize_t(n), py::ssize_t(count)});
  std::vector<double> packed(std::size_t(ranef::packed_index(count, 0) * n));
  likelihood.second_order(block, ranef::Active::all, gradient.mutable_data(), packed.data(), n);
  py::array_t<double> hessian({py::ssize_t(n), py::ssize_t(count), py::ssize_t(count)});
  auto view = hessian.mutable_unchecked<3>();
  for (int a = 0; a < count; ++a)
    for (int b = 0; b <= a; ++b) {
      const double* const column = packed.data() + ranef::packed_index(a, b) * n;
      for (Index i = 0; i < n; ++i) view(i, a, b) = view(i, b, a) = column[i];
    }
  return {gradient, hessian};
}

std::pair<Floats, Floats> moments(const Likelihood& likelihood, const std::vector<Floats>& eta,
                                  const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials);
  Floats mean(block.size), variance(block.size);
  likelihood.moments(block, mean.mutable_data(), variance.mutable_data());
  return {mean, variance};
}

/// The mean (n) and its derivatives in the predictors (n x K).
std::pair<Floats, py::array_t<double>> mean_gradient(const Likelihood& likelihood, const std::vector<Floats>& eta,
                                                     const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials);
  const py::ssize_t predictors = likelihood.predictor_count();
  Floats mean(block.size);
  py::array_t<double, py::array::f_style> gradient({py::ssize_t(block.size), predictors});
  likelihood.mean_gradient(block, mean.mutable_data(), gradient.mutable_data(), block.size);
  return {mean, gradient};
}

Floats deviance(const Likelihood& likelihood, const Floats& y, const std::vector<Floats>& eta,
                const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials, &y);
  Floats out(block.size);
  likelihood.deviance(block, out.mutable_data());
  return out;
}

Floats simulate(const Likelihood& likelihood, const std::vector<Floats>& eta, std::uint64_t seed,
                const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials);
  Floats out(block.size);
  ranef::Rng rng(seed);
  likelihood.simulate(block, rng, out.mutable_data());
  return out;
}

/// Per row (n): draws below and equal to y; per draw: sums of residuals about the centre and of their squares, zeros.
py::dict simulated_ranks(const Likelihood& likelihood, const Floats& y, const std::vector<Floats>& eta,
                         const Floats& centre, Index draws, std::uint64_t seed, const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials, &y);
  check_length("centre", centre, block.size);
  const double* const centres = centre.data();
  const ranef::SimulatedRanks ranks = [&] {
    const py::gil_scoped_release release;  // the arrays are held by the caller; the poll takes the GIL back
    return ranef::simulated_ranks(likelihood, block, centres, draws, seed, ranef::bindings::signal_poll());
  }();
  py::dict out;
  out["less"] = ranks.less;
  out["equal"] = ranks.equal;
  out["sum"] = ranks.sum;
  out["sum_of_squares"] = ranks.sum_of_squares;
  out["zeros"] = ranks.zeros;
  return out;
}

/// The draws (n x draws) that `simulated_ranks` counts.
py::array_t<double> simulated_draws(const Likelihood& likelihood, const std::vector<Floats>& eta, Index draws,
                                    std::uint64_t seed, const OptionalFloats& trials) {
  const RowBlock block = block_of(likelihood, eta, trials);
  if (draws < 1) throw std::invalid_argument("draws must be at least 1, got " + std::to_string(draws));
  py::array_t<double> out({py::ssize_t(block.size), py::ssize_t(draws)});
  double* const values = out.mutable_data();
  const py::gil_scoped_release release;  // as above
  ranef::simulated_draws(likelihood, block, draws, seed, values, ranef::bindings::signal_poll());
  return out;
}

template <class Function>
Floats elementwise(Function function, int link, const Floats& x) {
  const ranef::Link checked = checked_link(link);
  Floats out(std::vector<py::ssize_t>(x.shape(), x.shape() + x.ndim()));
  for (py::ssize_t i = 0; i < x.size(); ++i) out.mutable_data()[i] = function(checked, x.data()[i]);
  return out;
}

}  // namespace

void bind_family(py::module_& m) {
  py::class_<IndexedFamily>(m, "FamilyInfo", "One line of the registry of families.")
      .def_readonly("index", &IndexedFamily::index)
      .def_property_readonly("name", [](const IndexedFamily& f) { return f.info.name; })
      .def_property_readonly("support", [](const IndexedFamily& f) { return f.info.support; })
      .def_property_readonly("links", [](const IndexedFamily& f) { return link_names(f.info.links); })
      .def_property_readonly("dispersion", [](const IndexedFamily& f) { return f.info.dispersion; })
      .def_property_readonly("zero_in_support", [](const IndexedFamily& f) { return f.info.zero_in_support; })
      .def_property_readonly("has_trials", [](const IndexedFamily& f) { return f.info.has_trials; })
      .def_property_readonly("is_count", [](const IndexedFamily& f) { return f.info.is_count; })
      .def_property_readonly("can_truncate", [](const IndexedFamily& f) { return f.info.can_truncate; });

  m.def("families", &indexed_families, "The registry of families.");
  m.def(
      "links", [] { return std::vector<std::string>(ranef::kLinkNames.begin(), ranef::kLinkNames.end()); },
      "Names of the links, in the order of their indexes.");

  const auto make = [](int family, int link, bool truncated, bool zero_inflated) {
    std::shared_ptr<const Likelihood> made = ranef::make_likelihood({family, link, truncated, zero_inflated});
    return std::const_pointer_cast<Likelihood>(made);  // the class has const members only
  };
  py::class_<Likelihood, std::shared_ptr<Likelihood>>(m, "Likelihood", "A family with its link and wrappers.")
      .def(py::init(make), py::arg("family"), py::arg("link"), py::arg("truncated"), py::arg("zero_inflated"))
      .def_property_readonly("predictor_count", &Likelihood::predictor_count)
      .def("loglik", &loglik, py::arg("y"), py::arg("eta"), py::arg("trials") = py::none())
      .def("derivatives", &derivatives, py::arg("y"), py::arg("eta"), py::arg("trials") = py::none())
      .def("moments", &moments, py::arg("eta"), py::arg("trials") = py::none())
      .def("mean_gradient", &mean_gradient, py::arg("eta"), py::arg("trials") = py::none())
      .def("deviance", &deviance, py::arg("y"), py::arg("eta"), py::arg("trials") = py::none())
      .def("simulate", &simulate, py::arg("eta"), py::arg("seed"), py::arg("trials") = py::none())
      .def("simulated_ranks", &simulated_ranks, py::arg("y"), py::arg("eta"), py::arg("centre"), py::arg("draws"),
           py::arg("seed"), py::arg("trials") = py::none())
      .def("simulated_draws", &simulated_draws, py::arg("eta"), py::arg("draws"), py::arg("seed"),
           py::arg("trials") = py::none());

  m.def(
      "link_inverse", [](int link, const Floats& eta) { return elementwise(ranef::link_inverse, link, eta); },
      py::arg("link"), py::arg("eta"));
  m.def(
      "link_inverse_derivative",
      [](int link, const Floats& eta) { return elementwise(ranef::link_inverse_derivative, link, eta); },
      py::arg("link"), py::arg("eta"));
  m.def(
      "link_function", [](int link, const Floats& mu) { return elementwise(ranef::link_function, link, mu); },
      py::arg("link"), py::arg("mu"));
}
