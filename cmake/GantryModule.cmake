# What every target of the project is made with. A module sees the headers of what it names in DEPENDS and of nothing
# else: headers live in src/<module>/include/gantry/<module>/, and only declared modules are on the include path.

find_package(Threads REQUIRED)

add_library(gantry_flags INTERFACE)
target_compile_features(gantry_flags INTERFACE cxx_std_23)
target_compile_options(gantry_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wconversion;-Wshadow;-Wold-style-cast;-Wnon-virtual-dtor>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${GANTRY_WERROR}>>:-Werror>)
if(GANTRY_SANITIZE)
  target_compile_options(gantry_flags INTERFACE -fsanitize=${GANTRY_SANITIZE} -fno-omit-frame-pointer
                                                -fno-sanitize-recover=all)
  target_link_options(gantry_flags INTERFACE -fsanitize=${GANTRY_SANITIZE})
endif()
if(GANTRY_FUZZ)
  target_compile_options(gantry_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# gantry_module(NAME [SOURCES a.cc …] [DEPENDS gantry::x …] [PRIVATE_DEPENDS lib …])
#   a static library gantry::NAME; without SOURCES a header-only one.
#   DEPENDS are part of the module's interface; PRIVATE_DEPENDS stay inside it.
function(gantry_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS")
  set(target gantry_${name})
  set(include_dir ${CMAKE_CURRENT_SOURCE_DIR}/include)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS ${include_dir}/*.h)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    set(scope PUBLIC)
    target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE gantry_flags ${arg_PRIVATE_DEPENDS})
    target_include_directories(${target} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
    target_link_libraries(${target} INTERFACE ${arg_DEPENDS})
  endif()
  target_compile_features(${target} ${scope} cxx_std_23)
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS ${include_dir} FILES ${headers})
  add_library(gantry::${name} ALIAS ${target})
endfunction()

# gantry_test(NAME SOURCES a_test.cc … [DEPENDS …]): one GoogleTest program, each of its cases a ctest entry labelled unit.
# Cases that need ../shared read GANTRY_SHARED (see tests/support) and skip with a reason where it is absent.
function(gantry_test name)
  if(NOT GANTRY_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE gantry_flags ${arg_DEPENDS} gantry::test_support GTest::gmock GTest::gtest_main)
  target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  include(GoogleTest)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS unit TIMEOUT 300)
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
    add_executable(${name}_replay ${arg_SOURCE})
    target_link_libraries(${name}_replay PRIVATE gantry_flags ${arg_DEPENDS} gantry::fuzz_replay_main)
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
