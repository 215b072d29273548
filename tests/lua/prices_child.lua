-- Runs in a process of its own, whose TACHO_PRICES names a table: prints what deviates, then how much was compared.
--   lua5.4 prices_child.lua cases CASES NAME...      worked cases of these names
--   lua5.4 prices_child.lua bodies BODIES REVIEWED   recorded responses
local json = require "dkjson"
local tacho = require "tachograph"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local value = assert(json.decode(file:read "a"))
  file:close()
  return value
end

local function deviate(...)
  print("deviates: " .. table.concat({...}, " "))
end

-- Whole pico-dollars of a decimal text ("0.0195", "9E-7"): exact, and equal for equal amounts however written.
local function pico(text)
  if not text then return nil end
  local whole, fraction, exponent = text:match "^(%d+)%.?(%d*)[eE]?([-+]?%d*)$"
  local digits, places = whole .. fraction, #fraction - (math.tointeger(tonumber(exponent)) or 0)
  if places > 12 then
    assert(digits:sub(12 - places):match "^0*$", text)
    digits, places = digits:sub(1, 11 - places), 12
  end
  return math.tointeger(tonumber(digits .. ("0"):rep(12 - places)))
end

local function sum(usage, ...)
  local total = 0
  for _, name in ipairs {...} do total = total + (usage[name] or 0) end
  return total
end

-- Totals of the tokens as an operation books them.
local function totals(case, usage)
  local collector = assert(tacho.collector {})
  local op = collector:llm("case", {provider = case.provider, model = case.model})
  assert(op:usage(usage, case.dialect))
  op:finish()
  local row = collector:models()[1]
  collector:close()
  return sum(row, "input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens"),
         sum(row, "output_tokens", "reasoning_tokens")
end

local function compare(case, what, figure, expected)
  if expected ~= nil and figure ~= expected then
    deviate(case.name, what, tostring(figure), "not", tostring(expected))
  end
end

local function play(case, usage, as)
  local options = {provider = case.provider, at = case.at, dialect = case.dialect, service_tier = case.requested_tier}
  local cost = assert(tacho.calculate_cost(case.model, usage, options))
  local usd = pico(cost.usd)
  compare(case, as .. " usd", usd and usd * (case["repeat"] or 1), pico(case.usd))
  compare(case, as .. " table_usd", pico(cost.table_usd), pico(case.table_usd))
  compare(case, as .. " state", cost.state, case.state)
  local input, output = totals(case, usage)
  compare(case, as .. " input", input, case.total_input)
  compare(case, as .. " output", output, case.total_output)
end

local function cases(path, ...)
  local wanted, count = {}, 0
  for _, name in ipairs {...} do wanted[name] = true end
  for _, case in ipairs(read(path).cases) do
    if wanted[case.name] then
      local usage = case.usage or case.response or case.stream
      play(case, usage, "table")
      if next(usage) then play(case, json.encode(usage), "text") end
      count = count + 1
    end
  end
  print(count)
end

local function key(row, provider, dialect)
  return table.concat({row.model or "", provider, dialect, pico(row.input_price), pico(row.output_price)}, " ")
end

local function bodies(path, reviewed_path)
  local reviewed, left, priced = {}, 0, 0
  for _, row in ipairs(read(reviewed_path).bodies) do
    reviewed[key(row, row.provider, row.dialect)] = row
    left = left + 1
  end
  local function check(entry, row)
    local cost = assert(tacho.calculate_cost(entry.model or "", entry.body, {
      provider = row.provider_id, dialect = row.api_flavor, at = "2026-07-15T12:00:00Z"}))
    local input, output = pico(cost.input_usd), pico(cost.output_usd)
    row.model = entry.model
    local name = key(row, row.provider_id, row.api_flavor)
    local known = reviewed[name]
    if known and input == pico(known.input_usd) and output == pico(known.output_usd) then
      left = left - (known.seen and 0 or 1)
      known.seen = true
    elseif input ~= pico(row.input_price) or output ~= pico(row.output_price) or
           (row.total_price and pico(cost.table_usd) ~= pico(row.total_price)) then
      deviate(name, "is", tostring(cost.input_usd), tostring(cost.output_usd))
    end
    priced = priced + 1
  end
  for _, entry in ipairs(read(path)) do
    for _, group in ipairs(entry.extracted) do
      for _, row in ipairs(group.extractors) do
        if row.input_price then check(entry, row) end
      end
    end
  end
  if left > 0 then deviate(left, "reviewed rows no longer differ") end
  print(priced)
end

({cases = cases, bodies = bodies})[arg[1]](table.unpack(arg, 2))
