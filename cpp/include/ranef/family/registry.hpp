#pragma once
// The list of families: one line each, the order is their index.
//
// A line is the family's type, declared on the spot; its header is the type's name in lower case. The build
// (cmake/families.cmake) reads these lines and compiles one translation unit for each, so that touching a family
// compiles that family alone.

#include <memory>
#include <vector>

#include "ranef/family/info.hpp"
#include "ranef/family/likelihood.hpp"

namespace ranef {

template <class... F>
struct FamilyList {};

using Families = FamilyList<  //
    struct Gaussian,          //
    struct Binomial,          //
    struct Poisson,           //
    struct Nbinom1,           //
    struct Nbinom2,           //
    struct Gamma,             //
    struct Beta,              //
    struct Betabinomial       //
    >;

/// What a family's translation unit gives to the registry; defined in family/family_likelihood.hpp.
template <class F>
struct FamilyEntry {
  static FamilyInfo info();
  /// Null where the family cannot be truncated.
  static std::unique_ptr<const Likelihood> make(Link link, bool truncated, bool zero_inflated);
};

/// The registry's lines, in the order of their indexes.
std::vector<FamilyInfo> families();

}  // namespace ranef
