-- Plays one conformance case through the Lua module: play.lua CASE prints export("json"), and with `own` behind it what
-- the module's own tables say, as play.py does.
-- README.md says what a case is.
local json = require "dkjson"
local tacho = require "tachograph"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local case = assert(json.decode(file:read "a"))
  file:close()
  return case
end

-- A text, or the bytes of {"hex": ...}.
local function text(value)
  if type(value) ~= "table" then return value end
  return (value.hex:gsub("%x%x", function(digits) return string.char(tonumber(digits, 16)) end))
end

local SPECIAL = {nan = 0 / 0, inf = math.huge, ["-inf"] = -math.huge}
local function seconds(value)
  return SPECIAL[value] or value
end

local sessions = {}
local function session(collector, id)
  sessions[id] = sessions[id] or collector:session(id)
  return sessions[id]
end

local function labelled(metric, labels)
  return labels and metric:labels(labels) or metric
end

-- Custom metrics and caches by the name of the call; what the library refuses is not recorded.
local special = {}
function special.counter(collector, call)
  labelled(collector:counter(call.name, call.declare), call.labels).add(seconds(call.amount))
end
function special.gauge(collector, call)
  local gauge = labelled(collector:gauge(call.name, call.declare), call.labels)
  if call.set then gauge.set(seconds(call.set)) else gauge.add(seconds(call.amount)) end
end
function special.histogram(collector, call)
  labelled(collector:histogram(call.name, call.declare), call.labels).observe(seconds(call.amount))
end
function special.cache(collector, call)
  if call.size then collector:cache(call.name).size(call.size, call.capacity) end
  if call.event then collector:record_cache(call.name, call.event, call.n or 1) end
end

local function play(collector, call, standard)
  if special[call.call] then
    pcall(special[call.call], collector, call)
    return
  end
  local options = {}
  for key, value in pairs(call) do options[key] = value end
  for _, key in ipairs {"error", "tool", "model", "provider"} do options[key] = text(call[key]) end
  for _, key in ipairs {"call", "name", "seconds"} do options[key] = nil end
  options.first_token = seconds(call.first_token)
  options.session = session(collector, call.session or standard)
  for name, value in pairs(options.components or {}) do options.components[name] = seconds(value) end
  local tool, step = call.call == "record_tool_call", call.call == "record_step"
  options.kind = tool and "tool" or step and "step" or call.kind
  pcall(collector.record, collector, text(call.name), seconds(call.seconds), options)
end

local case = read(arg[1])
local collector = assert(tacho.collector {tags = case.tags})
for _, call in ipairs(case.calls) do play(collector, call, case.session) end

local function write(name, value)
  if type(value) == "table" then
    local keys = {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys)
    for _, key in ipairs(keys) do write(name .. " " .. key, value[key]) end
  elseif value ~= nil then
    io.write(name, " ", type(value) == "number" and ("%.12g"):format(value) or value, "\n")
  end
end

local function write_rows(name, rows, fields)
  for at, row in ipairs(rows) do
    io.write(name, " ", at, "\n")
    for field in fields:gmatch "%S+" do write(("%s %d %s"):format(name, at, field), row[field]) end
  end
end

if arg[2] then
  local summary = assert(collector:snapshot():summary()) -- of the whole process, although sessions are open
  write_rows("caches", summary.caches,
    "cache hits misses total_requests hit_rate evictions size_rejections size capacity")
  write_rows("metrics", summary.metrics,
    "metric type unit description labels value count sum min max avg high")
  for _, by in ipairs(case.usage or {}) do
    write_rows(table.concat(by, ","), assert(collector:usage(by)),
      "operation kind model tags calls input_tokens total_tokens cost_usd total_seconds")
  end
else
  io.write(assert(collector:export "json"))
end
