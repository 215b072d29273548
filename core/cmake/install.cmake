# Headers, libraries, CMake package and pkg-config files. Nothing of it holds a path of the machine that built it.
set(tachograph_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tachograph")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/core/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(TARGETS tachograph tachograph_io EXPORT tachographTargets DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT tachographTargets NAMESPACE tachograph:: DESTINATION "${tachograph_package_dir}")
set_target_properties(tachograph_io PROPERTIES INSTALL_RPATH "$ORIGIN")

configure_package_config_file("${CMAKE_CURRENT_LIST_DIR}/tachographConfig.cmake.in" tachographConfig.cmake
                              INSTALL_DESTINATION "${tachograph_package_dir}")
write_basic_package_version_file(tachographConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/tachographConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/tachographConfigVersion.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/tachographDependencies.cmake" DESTINATION "${tachograph_package_dir}")

# The name under which the linker finds a library file: libfoo.a and libfoo.so -> -lfoo.
function(tacho_linker_flag result file)
    get_filename_component(name "${file}" NAME)
    string(REGEX REPLACE "^lib(.*)\\.(a|so)$" "-l\\1" flag "${name}")
    set(${result} "${flag}" PARENT_SCOPE)
endfunction()

function(tacho_install_pc name description libs requires)
    set(tachograph_pc_name ${name})
    set(tachograph_pc_description "${description}")
    set(tachograph_pc_libs "${libs}")
    set(tachograph_pc_requires "${requires}")
    file(RELATIVE_PATH tachograph_pc_up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
    string(REGEX REPLACE "/$" "" tachograph_pc_up "${tachograph_pc_up}")
    configure_file("${CMAKE_CURRENT_FUNCTION_LIST_DIR}/tachograph.pc.in" ${name}.pc @ONLY)
    install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${name}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endfunction()

set(embedded "")
set(embedded_io "")
if(NOT BUILD_SHARED_LIBS)
    tacho_linker_flag(msgpack "${TACHO_MSGPACK_LIBRARY}")
    tacho_linker_flag(yajl "${TACHO_YAJL_LIBRARY}")
    tacho_linker_flag(sqlite "${TACHO_SQLITE_LIBRARY}")
    set(embedded " ${msgpack} ${yajl} -lpthread -lm")
    set(embedded_io " ${sqlite} -lm -ldl")
endif()
tacho_install_pc(tachograph "${PROJECT_DESCRIPTION}" "-ltachograph${embedded}" "")
tacho_install_pc(tachograph_io "History, import and configuration for tachograph" "-ltachograph_io${embedded_io}"
                 "tachograph = ${PROJECT_VERSION}")
