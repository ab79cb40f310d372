#include "ranef/family/registry.hpp"

#include <algorithm>
#include <stdexcept>

namespace ranef {

namespace {

template <class... F>
std::vector<FamilyInfo> all_infos(FamilyList<F...>) {
  return {FamilyEntry<F>::info()...};
}

using Maker = std::unique_ptr<const Likelihood> (*)(Link, bool, bool);

template <class... F>
std::vector<Maker> all_makers(FamilyList<F...>) {
  return {&FamilyEntry<F>::make...};
}

}  // namespace

std::vector<FamilyInfo> families() { return all_infos(Families()); }

std::unique_ptr<const Likelihood> make_likelihood(const FamilySpec& spec) {
  const std::vector<FamilyInfo> infos = families();
  if (spec.family < 0 || spec.family >= int(infos.size())) {
    throw std::invalid_argument("make_likelihood: no family has index " + std::to_string(spec.family));
  }
  const FamilyInfo& info = infos[std::size_t(spec.family)];
  const bool known = std::any_of(info.links.begin(), info.links.end(), [&](Link l) { return int(l) == spec.link; });
  if (!known) {
    throw std::invalid_argument("make_likelihood: family " + info.name + " has no link with index " +
                                std::to_string(spec.link));
  }
  if (spec.truncated && !info.can_truncate) {
    throw std::invalid_argument("make_likelihood: family " + info.name + " cannot be zero-truncated");
  }
  return all_makers(Families())[std::size_t(spec.family)](Link(spec.link), spec.truncated, spec.zero_inflated);
}

}  // namespace ranef
