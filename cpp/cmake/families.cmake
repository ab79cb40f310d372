# RANEF_FAMILY_SOURCES: the links, the registry, and one translation unit for each line of family/registry.hpp.

set(RANEF_FAMILY_SOURCES
    "${CMAKE_CURRENT_LIST_DIR}/../src/link/link.cpp"
    "${CMAKE_CURRENT_LIST_DIR}/../src/family/registry.cpp")

function(ranef_add_families cpp_dir)
  set(registry "${cpp_dir}/include/ranef/family/registry.hpp")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${registry}")
  file(STRINGS "${registry}" lines REGEX "^    struct [A-Za-z0-9]+")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^    struct ([A-Za-z0-9]+).*$" "\\1" family "${line}")
    string(TOLOWER "${family}" header)
    set(source "${CMAKE_CURRENT_BINARY_DIR}/families/${header}.cpp")
    configure_file("${cpp_dir}/src/family/family.cpp.in" "${source}" @ONLY)
    list(APPEND RANEF_FAMILY_SOURCES "${source}")
  endforeach()
  set(RANEF_FAMILY_SOURCES "${RANEF_FAMILY_SOURCES}" PARENT_SCOPE)
endfunction()

ranef_add_families("${CMAKE_CURRENT_LIST_DIR}/..")

# Nothing here reads errno; without it the compiler may share and drop calls of exp and log. Nor does anything trap on
# floating-point exceptions; without them it may compute both sides of a condition, which lets the links take several
# rows at a time.
if(NOT MSVC)
  set_source_files_properties(${RANEF_FAMILY_SOURCES} PROPERTIES COMPILE_OPTIONS "-fno-math-errno")
  set_source_files_properties("${CMAKE_CURRENT_LIST_DIR}/../src/link/link.cpp"
                              PROPERTIES COMPILE_OPTIONS "-fno-math-errno;-fno-trapping-math")
endif()
