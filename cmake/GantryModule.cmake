# What every target of the project is made with. A module sees the headers of what it declares and of nothing else: headers
# live in src/<module>/include/gantry/<module>/, only declared modules are on the include path, and a check that runs with
# every build (CheckIncludes.cmake) refuses what came there through others.

find_package(Threads REQUIRED)

add_library(gantry_flags INTERFACE)
target_compile_features(gantry_flags INTERFACE cxx_std_23)
target_compile_options(gantry_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Wold-style-cast;-Wnon-virtual-dtor>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${GANTRY_WERROR}>>:-Werror>)
if(CMAKE_UNITY_BUILD AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC takes a source that another one includes for a header, and warns of members whose type has no linkage.
  target_compile_options(gantry_flags INTERFACE -Wno-subobject-linkage)
endif()
if(GANTRY_SANITIZE)
  target_compile_options(gantry_flags INTERFACE -fsanitize=${GANTRY_SANITIZE} -fno-omit-frame-pointer
                                                -fno-sanitize-recover=all)
  target_link_options(gantry_flags INTERFACE -fsanitize=${GANTRY_SANITIZE})
endif()
if(GANTRY_FUZZ)
  target_compile_options(gantry_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# gantry_check_includes(TARGET NAME HEADERS … SOURCES … DEPENDS … PRIVATE_DEPENDS …): building TARGET runs the check.
function(gantry_check_includes target name)
  cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "HEADERS;SOURCES;DEPENDS;PRIVATE_DEPENDS")
  set(list ${CMAKE_CURRENT_BINARY_DIR}/${target}.includes.cmake)
  set(stamp ${CMAKE_CURRENT_BINARY_DIR}/${target}.includes.stamp)
  set(text "set(NAME ${name})\nset(STAMP ${stamp})\n")
  set(files)
  foreach(kind HEADERS SOURCES)
    set(absolute)
    foreach(file IN LISTS arg_${kind})
      cmake_path(ABSOLUTE_PATH file BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
      list(APPEND absolute ${file})
    endforeach()
    list(APPEND files ${absolute})
    string(APPEND text "set(${kind} ${absolute})\n")
  endforeach()
  string(APPEND text "set(DEPENDS ${arg_DEPENDS})\nset(PRIVATE_DEPENDS ${arg_PRIVATE_DEPENDS})\n")
  file(GENERATE OUTPUT ${list} CONTENT "${text}")
  set(check ${PROJECT_SOURCE_DIR}/cmake/CheckIncludes.cmake)
  add_custom_command(OUTPUT ${stamp} COMMAND ${CMAKE_COMMAND} -DLIST=${list} -P ${check} DEPENDS ${list} ${check} ${files}
                     COMMENT "Checking what ${target} includes" VERBATIM)
  add_custom_target(${target}_includes DEPENDS ${stamp})
  add_dependencies(${target} ${target}_includes)
endfunction()

# gantry_module(NAME [SOURCES a.cc …] [DEPENDS gantry::x …] [PRIVATE_DEPENDS gantry::y lib …])
#   a static library gantry::NAME; without SOURCES a header-only one.
#   DEPENDS is what its headers include, and is part of its interface; PRIVATE_DEPENDS is what its sources include beside that.
function(gantry_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
  set(target gantry_${name})
  set(include_dir ${CMAKE_CURRENT_SOURCE_DIR}/include)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${include_dir}/*.h)
  file(GLOB own_headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE gantry_flags ${arg_PRIVATE_DEPENDS})
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    gantry_check_includes(${target} ${name} HEADERS ${headers} SOURCES ${arg_SOURCES} ${own_headers}
                          DEPENDS ${arg_DEPENDS} PRIVATE_DEPENDS ${arg_PRIVATE_DEPENDS})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_DEPENDS})
    gantry_check_includes(${target} ${name} HEADERS ${headers} DEPENDS ${arg_DEPENDS})
  endif()
  target_compile_features(${target} ${scope} cxx_std_23)
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${include_dir} FILES ${headers})
  add_library(gantry::${name} ALIAS ${target})
endfunction()

# gantry_library(NAME SOURCES a.cc … [DEPENDS …] [PRIVATE_DEPENDS …]): what programs of one folder share, so that tests can link
# it. Its headers stand beside its sources; DEPENDS and PRIVATE_DEPENDS are as of a module.
function(gantry_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
  add_library(${name} STATIC ${arg_SOURCES})
  target_include_directories(${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_DEPENDS} PRIVATE gantry_flags ${arg_PRIVATE_DEPENDS})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  gantry_check_includes(${name} ${name} HEADERS ${headers} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS}
                        PRIVATE_DEPENDS ${arg_PRIVATE_DEPENDS})
endfunction()

# gantry_program(NAME SOURCES a.cc … [DEPENDS gantry::x lib …]): an executable that includes what it declares.
function(gantry_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gantry_flags ${arg_DEPENDS})
  gantry_check_includes(${name} ${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS})
endfunction()

# gantry_test(NAME SOURCES a_test.cc … [DEPENDS …] [CHILD program]): one GoogleTest program, each of its cases a ctest entry
# labelled unit. Cases that need ../shared read GANTRY_SHARED (see tests/support) and skip with a reason where it is absent.
# CHILD is a program that they start by gantry/test/child.h.
function(gantry_test name)
  if(NOT GANTRY_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "CHILD" "SOURCES;DEPENDS")
  gantry_program(${name} SOURCES ${arg_SOURCES} DEPENDS ${arg_DEPENDS})
  target_link_libraries(${name} PRIVATE gantry::test_support GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  # A test's own code runs once: a fifth of the compiler's time is not worth its speed. What is tested is as it is used.
  target_compile_options(${name} PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  if(arg_CHILD)
    target_compile_definitions(${name} PRIVATE GANTRY_TEST_CHILD="$<TARGET_FILE:${arg_CHILD}>")
    add_dependencies(${name} ${arg_CHILD})
    # A kernel starts programs of another architecture by itself only where somebody has set that up (binfmt_misc).
    set(runner ${CMAKE_CROSSCOMPILING_EMULATOR})
    if(runner)
      list(POP_FRONT runner program)
      find_program(GANTRY_TEST_RUNNER ${program} REQUIRED)
      list(JOIN runner "\",\"" runner)
      target_compile_definitions(${name} PRIVATE "GANTRY_TEST_RUNNER=\"${GANTRY_TEST_RUNNER}\",\"${runner}\"")
    endif()
  endif()
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 300)
endfunction()

# gantry_test_child(NAME SOURCES a.cc … [DEPENDS …]): a program for CHILD, and for benchmarks.
function(gantry_test_child name)
  if(GANTRY_BUILD_TESTS OR GANTRY_BUILD_BENCH)
    gantry_program(${name} ${ARGN})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  endif()
endfunction()

# gantry_fuzz(NAME SOURCE f.cc CORPUS dir … [DEPENDS …]): a target with LLVMFuzzerTestOneInput, linked twice: to libFuzzer
# where GANTRY_FUZZ is on, and always to a plain main that replays the CORPUS folders, so that it runs with every test run.
# Corpus folders that begin with shared: are below ../shared and skipped where that is absent.
function(gantry_fuzz name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "SOURCE" "CORPUS;DEPENDS")
  set(folders)
  foreach(folder IN LISTS arg_CORPUS)
    if(folder MATCHES "^shared:(.*)")
      list(APPEND folders ${PROJECT_SOURCE_DIR}/../shared/${CMAKE_MATCH_1})
    else()
      list(APPEND folders ${PROJECT_SOURCE_DIR}/tests/corpus/${folder})
    endif()
  endforeach()
  if(GANTRY_BUILD_TESTS)
    gantry_program(${name}_replay SOURCES ${arg_SOURCE} DEPENDS ${arg_DEPENDS})
    target_link_libraries(${name}_replay PRIVATE gantry::fuzz_replay_main)
    add_test(NAME fuzz_replay/${name} COMMAND ${name}_replay ${folders})
    set_tests_properties(fuzz_replay/${name} PROPERTIES LABELS fuzz TIMEOUT 300)
  endif()
  if(GANTRY_FUZZ)
    add_executable(${name} ${arg_SOURCE})
    target_link_libraries(${name} PRIVATE gantry_flags ${arg_DEPENDS})
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    # ./dev fuzz builds the target "fuzzers" and runs what is in this folder, each on the folders that its .corpus file names.
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzzers)
    list(JOIN folders "\n" folder_lines)
    file(WRITE ${PROJECT_BINARY_DIR}/fuzzers/${name}.corpus "${folder_lines}\n")
    if(NOT TARGET fuzzers)
      add_custom_target(fuzzers)
    endif()
    add_dependencies(fuzzers ${name})
  endif()
endfunction()
