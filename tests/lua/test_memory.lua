-- Lua's own allocations refused one after the other: errors leave by jumps, and nothing may be lost or broken by that.
describe("memory", function()
  local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"

  local function read(command)
    local pipe = io.popen(command .. " 2>&1")
    local text = pipe:read "a"
    return text, pipe:close()
  end

  it("may run out at any allocation", function()
    local flags, found = read "pkg-config --cflags --libs lua5.4"
    if not found then return pending "no headers of Lua" end
    local program = os.tmpname()
    local command = "cc -Wall -Wextra -Werror %smemory_host.c -o %s %s"
    local compiled, ok = read(command:format(here, program, (flags:gsub("\n", ""))))
    assert(ok, compiled)
    local text, passed = read(("%s '%s' %smemory_script.lua"):format(program, package.cpath, here))
    os.remove(program)
    assert(passed, text)
    assert.is_true(tonumber(text) > 100)
  end)
end)
