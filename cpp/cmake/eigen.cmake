# Where the Eigen headers come from, in this order:
#   1. RANEF_EIGEN_INCLUDE_DIR, for distributions that ship their own copy: taken as it is.
#   2. cpp/vendor/eigen, filled by an earlier configuration or unpacked from the sdist.
#   3. The pinned wheel in the build environment, copied to cpp/vendor/eigen.
# Copies 2 and 3 must have the hash below.

set(RANEF_EIGEN_INCLUDE_DIR "" CACHE PATH "Folder that holds Eigen/Core; empty: the pinned copy")

set(RANEF_EIGEN_VERSION 3.4.1)
set(RANEF_EIGEN_SHA256 be7f49ff3bd27ce6bad186d047a7ee0ccb554e3614b240e5ffefc2f7e022e6ad)
set(RANEF_EIGEN_VENDORED "${PROJECT_SOURCE_DIR}/cpp/vendor/eigen")

# SHA-256 of the lines "<sha256 of the file> <path>" of every header under <folder>/Eigen, in the order of the paths.
function(ranef_header_tree_hash folder result)
  file(GLOB_RECURSE headers LIST_DIRECTORIES false RELATIVE "${folder}" "${folder}/Eigen/*")
  list(SORT headers COMPARE STRING CASE SENSITIVE)
  set(listing "")
  foreach(header IN LISTS headers)
    file(SHA256 "${folder}/${header}" digest)
    string(APPEND listing "${digest} ${header}\n")
  endforeach()
  string(SHA256 digest "${listing}")
  set(${result} "${digest}" PARENT_SCOPE)
endfunction()

function(ranef_check_eigen folder)
  ranef_header_tree_hash("${folder}" digest)
  if(NOT digest STREQUAL RANEF_EIGEN_SHA256)
    message(FATAL_ERROR
      "The headers in ${folder} are not Eigen ${RANEF_EIGEN_VERSION} as pinned: their SHA-256 is\n"
      "  ${digest}, expected\n  ${RANEF_EIGEN_SHA256}.\n"
      "Delete ${RANEF_EIGEN_VENDORED} to fetch them again, or set RANEF_EIGEN_INCLUDE_DIR to use another copy.")
  endif()
endfunction()

# The wheel is on the path of the Python found: of the build environment, or of the one a plain CMake build runs in.
function(ranef_copy_eigen_from_wheel)
  find_path(wheel_include Eigen/Core NO_CACHE
    PATHS ${ranef_python_path} NO_DEFAULT_PATH
    PATH_SUFFIXES cmeel.prefix/include/eigen3)
  if(NOT wheel_include)
    message(FATAL_ERROR
      "Eigen ${RANEF_EIGEN_VERSION} is missing: install cmeel-eigen==${RANEF_EIGEN_VERSION} into the build "
      "environment, or set RANEF_EIGEN_INCLUDE_DIR to the folder that holds Eigen/Core.")
  endif()
  ranef_check_eigen("${wheel_include}")
  file(COPY "${wheel_include}/Eigen" DESTINATION "${RANEF_EIGEN_VENDORED}")
endfunction()

if(RANEF_EIGEN_INCLUDE_DIR)
  if(NOT EXISTS "${RANEF_EIGEN_INCLUDE_DIR}/Eigen/Core")
    message(FATAL_ERROR "RANEF_EIGEN_INCLUDE_DIR is ${RANEF_EIGEN_INCLUDE_DIR}, which holds no Eigen/Core.")
  endif()
  set(ranef_eigen_include "${RANEF_EIGEN_INCLUDE_DIR}")
else()
  if(NOT EXISTS "${RANEF_EIGEN_VENDORED}/Eigen/Core")
    ranef_copy_eigen_from_wheel()
  endif()
  ranef_check_eigen("${RANEF_EIGEN_VENDORED}")
  set(ranef_eigen_include "${RANEF_EIGEN_VENDORED}")
endif()

add_library(ranef_eigen INTERFACE)
target_include_directories(ranef_eigen SYSTEM INTERFACE "${ranef_eigen_include}")
target_compile_definitions(ranef_eigen INTERFACE EIGEN_MPL2_ONLY)
