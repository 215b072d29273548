# Finds the libraries that tachograph embeds. Used by the build and by an installed tachographConfig.cmake, because a
# static libtachograph.a leaves them to whoever links it.
#
# Defines the imported targets tachograph::msgpack, tachograph::yajl and, where tachograph_wants_io is set,
# tachograph::sqlite3. A static archive is taken where one exists: the library then needs nothing but libc at run time.
# The archives of msgpack-c and YAJL link into shared objects; Debian's libsqlite3.a links into programs only, so a
# shared libtachograph_io takes libsqlite3.so, and so do the modules of the languages (tachograph::sqlite3_module, where
# tachograph_wants_io_module is set): Python's own sqlite3 uses that too, and two copies of SQLite in a process would undo
# each other's locks.

function(tacho_import_library target cache_variable header)
    if(TARGET ${target})
        return()
    endif()
    find_library(${cache_variable} NAMES ${ARGN})
    find_path(${cache_variable}_INCLUDE_DIR NAMES ${header})
    mark_as_advanced(${cache_variable} ${cache_variable}_INCLUDE_DIR)
    if(NOT ${cache_variable} OR NOT ${cache_variable}_INCLUDE_DIR)
        message(FATAL_ERROR "tachograph needs ${header} and one of: ${ARGN} (see tests/install-deps.sh for the packages)")
    endif()
    add_library(${target} UNKNOWN IMPORTED)
    set_target_properties(${target} PROPERTIES IMPORTED_LOCATION "${${cache_variable}}"
                          INTERFACE_INCLUDE_DIRECTORIES "${${cache_variable}_INCLUDE_DIR}")
endfunction()

# msgpack-c was renamed: Debian 12 has libmsgpackc, later ones libmsgpack-c.
tacho_import_library(tachograph::msgpack TACHO_MSGPACK_LIBRARY msgpack.h
                     libmsgpack-c.a libmsgpackc.a msgpack-c msgpackc)
tacho_import_library(tachograph::yajl TACHO_YAJL_LIBRARY yajl/yajl_parse.h libyajl_s.a yajl_s yajl)
if(tachograph_wants_io)
    if(tachograph_io_shared)
        set(tacho_sqlite_names sqlite3)
    else()
        set(tacho_sqlite_names libsqlite3.a sqlite3)
    endif()
    tacho_import_library(tachograph::sqlite3 TACHO_SQLITE_LIBRARY sqlite3.h ${tacho_sqlite_names})
    set_property(TARGET tachograph::sqlite3 APPEND PROPERTY INTERFACE_LINK_LIBRARIES m ${CMAKE_DL_LIBS})
endif()
if(tachograph_wants_io_module)
    tacho_import_library(tachograph::sqlite3_module TACHO_SQLITE_MODULE_LIBRARY sqlite3.h sqlite3)
    set_property(TARGET tachograph::sqlite3_module APPEND PROPERTY INTERFACE_LINK_LIBRARIES m ${CMAKE_DL_LIBS})
endif()
