# Language level, warnings and sanitizers, as one interface library that every target of the project links.

option(RANEF_WARNINGS_AS_ERRORS "Stop at a compiler warning (for CI; a user's compiler may know new ones)" OFF)
option(RANEF_SANITIZE "Build with the address and undefined-behaviour sanitizers" OFF)

add_library(ranef_compiler INTERFACE)
target_compile_features(ranef_compiler INTERFACE cxx_std_17)

if(MSVC)
  target_compile_options(ranef_compiler INTERFACE /W4 /bigobj /permissive- /utf-8 /Zc:__cplusplus)
  target_compile_definitions(ranef_compiler INTERFACE _USE_MATH_DEFINES NOMINMAX)
  if(RANEF_WARNINGS_AS_ERRORS)
    target_compile_options(ranef_compiler INTERFACE /WX)
  endif()
else()
  target_compile_options(ranef_compiler INTERFACE -Wall -Wextra -Wconversion)
  if(RANEF_WARNINGS_AS_ERRORS)
    target_compile_options(ranef_compiler INTERFACE -Werror)
  endif()
endif()

if(RANEF_SANITIZE)
  if(MSVC)
    message(FATAL_ERROR "RANEF_SANITIZE needs GCC or Clang.")
  endif()
  target_compile_options(ranef_compiler INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer)
  target_link_options(ranef_compiler INTERFACE -fsanitize=address,undefined)
endif()
