-- What a tracked call costs in Lua, against a wrapper in pure Lua with os.clock and pcall.
-- Prints one line per figure: name, measured, limit, separated by tabs. `arg[1]`: nanoseconds of one clock_gettime.
local tacho = require "tachograph"

local ROUNDS, CALLS = 15, 200000
local clock_ns = tonumber(arg[1])

local function empty() end

local total, count, slowest = 0, 0, 0
local function by_hand(fn)
  return function(...)
    local start = os.clock()
    local results = table.pack(pcall(fn, ...))
    local seconds = os.clock() - start
    total, count = total + seconds, count + 1
    if seconds > slowest then slowest = seconds end
    if not results[1] then error(results[2], 0) end
    return table.unpack(results, 2, results.n)
  end
end

local function best(fn)
  local least = math.huge
  for _ = 1, ROUNDS do
    local start = os.clock()
    for _ = 1, CALLS do fn() end
    least = math.min(least, os.clock() - start)
  end
  return least / CALLS * 1e9
end

local plain = best(empty)
local tracked = best(tacho.track("bench", empty)) - plain
local wrapped = best(by_hand(empty)) - plain
print(("Lua tracked call adds, ns\t%.1f\t"):format(tracked))
print(("Lua tracked call / wrapper with os.clock and pcall\t%.3f\t0.15"):format(tracked / wrapped))
if clock_ns then print(("Lua tracked call / clock_gettime\t%.2f\t7"):format(tracked / clock_ns)) end
