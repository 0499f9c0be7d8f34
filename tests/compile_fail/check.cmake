# cmake -DCOMPILER= -DFLAGS= -DINCLUDE= -DCASE=file.cpp -P check.cmake: see CMakeLists.txt.
set(compile ${COMPILER} -std=c++23 ${FLAGS} -fsyntax-only -I${INCLUDE} ${CASE})

execute_process(COMMAND ${compile} RESULT_VARIABLE outcome OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(NOT outcome EQUAL 0)
  message(FATAL_ERROR "the allowed variant does not compile:\n${said}")
endif()

execute_process(COMMAND ${compile} -DKEYFOB_OFFEND RESULT_VARIABLE outcome OUTPUT_VARIABLE said ERROR_VARIABLE said)
if(outcome EQUAL 0)
  message(FATAL_ERROR "compiles, and must not")
endif()
if(NOT said MATCHES "error:" OR NOT said MATCHES "offends:[0-9]+:")
  message(FATAL_ERROR "is rejected, but not for its offending line:\n${said}")
endif()
