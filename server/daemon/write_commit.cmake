# Writes OUTPUT, a header with the commit of SOURCE; leaves it alone if nothing changed, so that nothing is rebuilt.
# COMMIT, if it is not empty, is taken as it is: for builds from a copy without its repository.
cmake_minimum_required(VERSION 3.25)
if(NOT COMMIT)
  execute_process(
    COMMAND git -C ${SOURCE} describe --always --dirty --abbrev=12 --exclude=*
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(COMMIT unknown)
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#pragma once\n#define SHARDD_COMMIT \"@COMMIT@\"\n" @ONLY)
