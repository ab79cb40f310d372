#include "ranef/profile.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "profiler.hpp"

namespace ranef {

namespace {

constexpr int kMaxPoints = 60;      // of a trace, on either side
constexpr int kMaxShrinks = 8;      // of a step that led nowhere or too far
constexpr int kMaxExpansions = 40;  // of a bracket before zeta is taken to level off
constexpr int kMaxFlat = 3;         // of them that change nothing
constexpr int kMaxSteps = 60;       // of a root search
constexpr double kZetaTolerance = 1e-7;

double zeta_of(const ProfilePoint& point) { return std::abs(point.zeta); }

/// Points outwards on one side until |zeta| passes the cutoff or the range ends.
void trace_side(Profiler& profiler, const ProfileRequest& request, double sign, std::vector<ProfilePoint>& out) {
  double x = request.estimate[request.parameter], zeta = 0.0, step = request.zeta_step * request.unit;
  int shrinks = 0;
  for (int points = 0; points < kMaxPoints && zeta < request.cutoff;) {
    const double next = profiler.inside(x + sign * step);
    if (next == x) return;
    const ProfilePoint point = profiler.at(next);
    const double change = zeta_of(point) - zeta;
    if (!point.ok || change > 4.0 * request.zeta_step) {
      if (++shrinks <= kMaxShrinks) {
        step = std::abs(next - x) * (point.ok ? std::max(0.05, request.zeta_step / change) : 0.3);
        continue;
      }
      if (!point.ok) return;
    }
    shrinks = 0;
    ++points;
    out.push_back(point);
    step = std::abs(next - x) * std::min(4.0, request.zeta_step / std::max(change, 1e-3 * request.zeta_step));
    x = next;
    zeta = std::max(zeta, zeta_of(point));
  }
}

/// Regula falsi with the Illinois correction on |zeta| - target between x (below) and y (not below).
ProfileEnd refine(Profiler& profiler, double x, double below, double y, double above, double target) {
  int side = 0;
  for (int step = 0; step < kMaxSteps; ++step) {
    const double middle = above > below ? x + (y - x) * (-below) / (above - below) : 0.5 * (x + y);
    const ProfilePoint point = profiler.at(middle);
    if (!point.ok) return {ProfileEnd::Kind::failed, middle};
    const double f = zeta_of(point) - target;
    if (std::abs(f) < kZetaTolerance || std::abs(y - x) <= 1e-12 * (std::abs(x) + std::abs(y)))
      return {ProfileEnd::Kind::found, middle};
    if (f < 0.0) {
      x = middle;
      below = f;
      if (side == -1) above *= 0.5;
      side = -1;
    } else {
      y = middle;
      above = f;
      if (side == 1) below *= 0.5;
      side = 1;
    }
  }
  return {ProfileEnd::Kind::failed, y};
}

/// The end on the side of the target's sign.
ProfileEnd find_end(Profiler& profiler, const ProfileRequest& request, double signed_target) {
  const double sign = signed_target < 0.0 ? -1.0 : 1.0, target = std::abs(signed_target);
  const double estimate = request.estimate[request.parameter];
  const double limit = sign < 0.0 ? profiler.lowest() : profiler.highest();
  double x = estimate, below = -target, step = target * request.unit;
  // What the trace, or another search, has met already brackets the end.
  for (const ProfilePoint& known : profiler.known(sign)) {
    const double f = zeta_of(known) - target, at = known.values[request.parameter];
    if (f >= 0.0) return refine(profiler, x, below, at, f, target);
    x = at;
    below = f;
  }
  if (const double gone = std::abs(x - estimate); gone > 0.0) step = 0.5 * gone;
  int failures = 0, flat = 0;
  for (int expansion = 0; expansion < kMaxExpansions; ++expansion) {
    const double next = profiler.inside(x + sign * step);
    if (next == x) return {ProfileEnd::Kind::limit, limit};
    const ProfilePoint point = profiler.at(next);
    if (!point.ok) {
      if (++failures > kMaxShrinks) return {ProfileEnd::Kind::failed, next};
      step *= 0.3;
      continue;
    }
    const double f = zeta_of(point) - target;
    if (f >= 0.0) return refine(profiler, x, below, next, f, target);
    // However far it goes, nothing changes any more.
    flat = std::abs(f - below) < kZetaTolerance ? flat + 1 : 0;
    if (flat == kMaxFlat) break;
    const double rate = (f - below) / std::abs(next - x);
    step = std::abs(next - x) * std::clamp(rate > 0.0 ? 1.05 * (-f) / (rate * std::abs(next - x)) : 4.0, 0.2, 4.0);
    x = next;
    below = f;
  }
  return {ProfileEnd::Kind::unbounded, sign * std::numeric_limits<double>::infinity()};
}

}  // namespace

ProfileReport profile(const Model& model, Layouts& layouts, const ProfileRequest& request) {
  if (model.mean_in_mode())
    throw std::invalid_argument("a profile needs a likelihood of which all coefficients are parameters");
  Profiler profiler(model, layouts, request);
  ProfileReport out;
  if (request.cutoff > 0.0) {
    trace_side(profiler, request, -1.0, out.points);
    std::reverse(out.points.begin(), out.points.end());
    ProfilePoint centre;
    centre.ok = true;
    centre.loglik = request.loglik;
    centre.values = request.estimate;
    out.points.push_back(centre);
    trace_side(profiler, request, 1.0, out.points);
  }
  for (const double target : request.targets) out.ends.push_back(find_end(profiler, request, target));
  out.better = profiler.better();
  out.failure = profiler.failure();
  return out;
}

}  // namespace ranef
