#pragma once
// What the outside may know of a family: the registry's line.

#include <string>
#include <vector>

#include "ranef/link/link.hpp"

namespace ranef {

struct FamilyInfo {
  std::string name;
  std::string support;      ///< of the response, in words
  std::vector<Link> links;  ///< allowed links, the default first
  std::string dispersion;   ///< name of the dispersion parameter; empty: none
  bool zero_in_support = false;
  bool has_trials = false;
  bool is_count = false;
  bool can_truncate = false;
};

}  // namespace ranef
