#pragma once
// Calls a kernel with the width of a block as a compile-time constant where it is small: the inner loops of blocks
// one to four wide then unroll, which is most of their speed.

#include <type_traits>

namespace ranef {

/// The widest block with a kernel of its own.
inline constexpr int kMaxUnrolledWidth = 4;

/// The width that a kernel is called with, as Eigen's types take it.
template <class Width>
inline constexpr int fixed_width = -1;  // Eigen::Dynamic
template <int Width>
inline constexpr int fixed_width<std::integral_constant<int, Width>> = Width;

template <class Kernel>
decltype(auto) dispatch_width(int width, Kernel&& kernel) {
  switch (width) {
    case 1:
      return kernel(std::integral_constant<int, 1>{});
    case 2:
      return kernel(std::integral_constant<int, 2>{});
    case 3:
      return kernel(std::integral_constant<int, 3>{});
    case 4:
      return kernel(std::integral_constant<int, 4>{});
    default:
      return kernel(width);
  }
}

}  // namespace ranef
