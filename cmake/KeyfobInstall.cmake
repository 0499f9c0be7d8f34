# What `cmake --install` puts in place for those who build against Keyfob: headers, one static library, a CMake package and a
# pkg-config file. Component "library": cmake --install build --component library --prefix /usr/local
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

get_target_property(KEYFOB_PARTS keyfob_program LINK_LIBRARIES)
list(FILTER KEYFOB_PARTS INCLUDE REGEX "^keyfob_")
list(APPEND KEYFOB_PARTS keyfob_program keyfob_asio keyfob_library)
list(REMOVE_DUPLICATES KEYFOB_PARTS)
set(KEYFOB_ARCHIVE ${PROJECT_BINARY_DIR}/libkeyfob.a)
set(script "create ${KEYFOB_ARCHIVE}\n")
set(parts)
foreach(part IN LISTS KEYFOB_PARTS)
  get_target_property(type ${part} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    string(APPEND script "addlib $<TARGET_FILE:${part}>\n")
    list(APPEND parts ${part})
  endif()
endforeach()
string(APPEND script "save\nend\n")
file(GENERATE OUTPUT ${PROJECT_BINARY_DIR}/libkeyfob.mri CONTENT "${script}")
add_custom_command(OUTPUT ${KEYFOB_ARCHIVE} COMMAND ${CMAKE_AR} -M < ${PROJECT_BINARY_DIR}/libkeyfob.mri
  DEPENDS ${parts} COMMENT "One archive of all modules: libkeyfob.a" VERBATIM)
add_custom_target(libkeyfob DEPENDS ${KEYFOB_ARCHIVE})

# Whoever awaits Asio's awaitables has to compile Asio as the archive was compiled.
set(KEYFOB_DEFINITIONS BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE BOOST_ASIO_SEPARATE_COMPILATION
    BOOST_ERROR_CODE_HEADER_ONLY)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/keyfob-config.cmake.in ${PROJECT_BINARY_DIR}/keyfob-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/keyfob PATH_VARS CMAKE_INSTALL_LIBDIR CMAKE_INSTALL_INCLUDEDIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/keyfob-config-version.cmake COMPATIBILITY SameMinorVersion)
list(TRANSFORM KEYFOB_DEFINITIONS PREPEND "-D" OUTPUT_VARIABLE KEYFOB_PC_DEFINITIONS)
list(JOIN KEYFOB_PC_DEFINITIONS " " KEYFOB_PC_DEFINITIONS)
file(RELATIVE_PATH KEYFOB_PC_PREFIX "/any/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/any")
configure_file(${PROJECT_SOURCE_DIR}/cmake/keyfob.pc.in ${PROJECT_BINARY_DIR}/keyfob.pc @ONLY)

install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/keyfob DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT library)
install(FILES ${KEYFOB_ARCHIVE} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/keyfob-config.cmake ${PROJECT_BINARY_DIR}/keyfob-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/keyfob COMPONENT library)
install(FILES ${PROJECT_BINARY_DIR}/keyfob.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT library)
