-- The worked cases of tests/conformance/prices and the recorded responses, through Lua: tables and JSON text, on prices
-- that `tacho prices build ... -o FILE` made of the shared data and that `TACHO_PRICES=FILE` puts in force.
local json = require "dkjson"

local source = os.getenv "TACHO_TEST_SOURCE" or "."
local cases_path = source .. "/tests/conformance/prices/cases.json"

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function output_of(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read "a"
  assert.is_true(pipe:close(), text)
  return text
end

local function data(name)
  local path = (os.getenv "TACHO_TEST_DATA" or "") .. "/prices/" .. name
  if not exists(path) then pending("TACHO_TEST_DATA has no prices/" .. name) end
  return exists(path) and path
end

local function build(out, ...)
  output_of("tacho prices build " .. quote(data "genai-prices.json") .. " " .. quote(data "litellm.json") .. " " ..
            table.concat({...}, " ") .. " --date 2026-08-21 -o " .. quote(out))
  return out
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- Runs the other process; gives what it compared.
local function child(prices, ...)
  local command = "TACHO_PRICES=" .. quote(prices) .. " lua5.4 " .. quote(source .. "/tests/lua/prices_child.lua")
  for _, argument in ipairs {...} do command = command .. " " .. quote(argument) end
  local text = output_of(command)
  assert.is_nil(text:match "deviates:", text)
  return assert(math.tointeger(tonumber(text)), text)
end

describe("prices", function()
  local made = {}
  local function temporary(suffix)
    made[#made + 1] = os.tmpname()
    made[#made + 1] = made[#made] .. suffix
    return made[#made]
  end
  teardown(function()
    for _, path in ipairs(made) do os.remove(path) end
  end)

  it("come out as written in all worked cases", function()
    if not data "genai-prices.json" then return end
    local plain, count, total = {}, 0, 0
    local file = assert(io.open(cases_path, "rb"))
    local cases = assert(json.decode(file:read "a")).cases
    file:close()
    for _, case in ipairs(cases) do
      total = total + 1
      local own = case.prices or case.sources
      if own then
        local prices = write(temporary ".json", json.encode(own))
        if case.sources then prices = build(temporary ".prices", quote(prices)) end
        count = count + child(prices, "cases", cases_path, case.name)
      else
        plain[#plain + 1] = case.name
      end
    end
    count = count + child(build(temporary ".prices"), "cases", cases_path, table.unpack(plain))
    assert.are.equal(total, count)
    assert.is_true(count >= 56)
  end)

  it("equal those of the recorded responses", function()
    local bodies = data "usage-bodies.json"
    if not bodies then return end
    local prices = build(temporary ".prices")
    assert.is_true(child(prices, "bodies", bodies, source .. "/tests/prices/reviewed.json") > 1500)
  end)
end)
