-- A collector of its own for each test, so that tests do not see each other's numbers.
local tacho = require "tachograph"

local fresh = {}

---@return tachograph.Collector
function fresh.collector(config)
  return assert(tacho.collector(config or {}))
end

---The row of a table whose `key` is `value`, or nil.
function fresh.row(rows, key, value)
  for _, row in ipairs(rows) do
    if row[key] == value then return row end
  end
end

---The records of a collector by the name of their operation.
function fresh.records(collector)
  local by_name = {}
  for _, record in ipairs(assert(collector:records())) do by_name[record.operation] = record end
  return by_name
end

return fresh
