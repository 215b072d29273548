# Every compiler and linker flag of the project stands here and nowhere else.
# Source of the hardening list: OpenSSF "Compiler Options Hardening Guide for C and C++". Its -Wl,-z,nodlopen is left
# out: Python and Lua load the library with dlopen.

add_library(tachograph_options INTERFACE)
target_compile_definitions(tachograph_options INTERFACE _GNU_SOURCE XXH_INLINE_ALL)
target_compile_options(tachograph_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wformat=2
                       -Werror=format-security -Wimplicit-fallthrough -Wstrict-prototypes
                       -fno-delete-null-pointer-checks)
# The one function that a Python or Lua module exports has no prototype.
target_compile_options(tachograph_options INTERFACE
                       $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,MODULE_LIBRARY>>:-Wmissing-prototypes>)
if(TACHO_PORTABLE)
    target_compile_definitions(tachograph_options INTERFACE TACHO_PORTABLE)
endif()
if(TACHO_WERROR)
    target_compile_options(tachograph_options INTERFACE -Werror)
endif()

# Probed, because compilers and processors differ in what they know.
foreach(flag IN ITEMS -Wtrampolines -fstack-protector-strong -fstack-clash-protection -fcf-protection=full
                      -ftrivial-auto-var-init=zero)
    string(MAKE_C_IDENTIFIER "TACHO_HAS${flag}" tacho_has)
    check_c_compiler_flag(${flag} ${tacho_has})
    if(${tacho_has})
        target_compile_options(tachograph_options INTERFACE ${flag})
    endif()
endforeach()

if(TACHO_SANITIZE STREQUAL "address")
    set(tacho_sanitize -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(TACHO_SANITIZE STREQUAL "thread")
    set(tacho_sanitize -fsanitize=thread -fno-omit-frame-pointer)
elseif(TACHO_SANITIZE)
    message(FATAL_ERROR "TACHO_SANITIZE is \"${TACHO_SANITIZE}\"; it may be empty, address or thread")
endif()
if(TACHO_SANITIZE)
    # Fortified string functions hide overflows from the sanitizers. The checks that gcc's sanitizers put into the code
    # lead its flow analysis astray; the plain build has these two warnings.
    target_compile_options(tachograph_options INTERFACE ${tacho_sanitize} -U_FORTIFY_SOURCE
                           $<$<C_COMPILER_ID:GNU>:-Wno-format-truncation -Wno-maybe-uninitialized>)
    target_link_options(tachograph_options INTERFACE ${tacho_sanitize})
else()
    target_compile_options(tachograph_options INTERFACE -U_FORTIFY_SOURCE
                           $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
endif()
if(NOT APPLE)
    target_link_options(tachograph_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
                        -Wl,--exclude-libs,ALL)
endif()
