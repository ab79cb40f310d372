#pragma once
// The criterion of profiled_gaussian.hpp where one grouping factor is all there is: the blocks of H do not meet.
//
// Each level's block is eliminated on its own. With A = Z'WZ and C = Z'W [X y] of a level, H = S'AS + I = L L' and
// T = L^-1 S',
//
//     log|H| = sum of 2 log L_jj,   [X y]'W[X y] - sum of (T C)'(T C)  = border's Schur complement,
//     v = L^-T T C (-beta, 1),      H^-1 = L^-T L^-1,
//
// so an evaluation is one pass over the levels' cross products, its gradient another, and neither stores anything of
// their number: no pattern, factor or inverse exists in memory.

#include <memory>

#include "ranef/model/model.hpp"
#include "ranef/objective/profiled_objective.hpp"

namespace ranef {

/// Null unless the model has one random term, of independent blocks at most kMaxUnrolledWidth wide.
std::unique_ptr<ProfiledObjective> make_grouped_gaussian(const Model& model);

}  // namespace ranef
