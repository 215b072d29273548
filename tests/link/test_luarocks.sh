# The rock builds into a tree of its own and loads from another folder.
. "$TACHO_TEST_SOURCE/tests/link/scratch.sh"
mkdir "$scratch/source" # LuaRocks builds inside the source
cd "$TACHO_TEST_SOURCE"
cp -r CMakeLists.txt bindings core lua "$scratch/source"
cd "$scratch/source"
luarocks --lua-version 5.4 lint bindings/lua/tachograph-0.1.0-1.rockspec
luarocks --lua-version 5.4 make --no-doc --tree "$scratch/tree" bindings/lua/tachograph-0.1.0-1.rockspec
cd "$scratch"
LUA_PATH="$scratch/tree/share/lua/5.4/?.lua;$scratch/tree/share/lua/5.4/?/init.lua" \
    LUA_CPATH="$scratch/tree/lib/lua/5.4/?.so" lua5.4 -e 'print(require("tachograph").summary ~= nil)' | grep -q true
