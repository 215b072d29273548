rockspec_format = "3.0"
package = "tachograph"
version = "0.1.0-1"
source = {url = "git+file://."}
description = {
   summary = "Records how fast, how reliable and how expensive LLM applications and agents are",
   license = "MIT",
}
supported_platforms = {"linux"}
dependencies = {"lua >= 5.4, < 5.5"}
build = {
   type = "cmake",
   variables = {
      CMAKE_BUILD_TYPE = "RelWithDebInfo",
      CMAKE_INSTALL_PREFIX = "$(PREFIX)",
      LUA_INCDIR = "$(LUA_INCDIR)",
      TACHO_BUILD_CLI = "OFF",
      TACHO_BUILD_LUA = "ON",
      TACHO_LUA_DIR = "$(LUADIR)",
      TACHO_LUA_LIBDIR = "$(LIBDIR)",
   },
}
