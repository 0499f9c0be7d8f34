# Compiler, linker and third-party packages: everything that is the same for every module.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1")

option(KEYFOB_TESTS "Build tests" ON)
option(KEYFOB_BENCH "Build benchmarks" ON)
option(KEYFOB_FUZZ "Build the fuzz targets (clang)" OFF)
set(KEYFOB_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_NOHASHDIR=1
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Werror -fstack-protector-strong)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside its own library and in coroutine frames when it inlines; clang-tidy watches for the real ones.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-dangling-pointer
                      -Wno-stringop-overread -Wno-mismatched-new-delete -fpch-preprocess)
else()
  # libstdc++ 12's own std::stable_sort uses a function that it has marked as deprecated.
  add_compile_options(-Wno-deprecated-declarations)
endif()
if(KEYFOB_SANITIZE)
  add_compile_options(-fsanitize=${KEYFOB_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${KEYFOB_SANITIZE})
  if(KEYFOB_SANITIZE MATCHES thread)
    # ThreadSanitizer does not see fences, and GCC says so with an error. Asio's own are beside locks that it does see.
    add_compile_definitions(BOOST_ASIO_DISABLE_FENCED_BLOCK)
    # liburing's stand between us and the kernel, which it does not see either.
    if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
      add_compile_options(-Wno-tsan)
    endif()
  endif()
endif()
add_compile_definitions(BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ASIO_SEPARATE_COMPILATION
                        BOOST_ERROR_CODE_HEADER_ONLY)

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_path(LIBURING_INCLUDE_DIR liburing.h REQUIRED)
find_package(spdlog REQUIRED)
if(KEYFOB_TESTS)
  find_package(GTest REQUIRED)
endif()
