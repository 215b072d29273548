local fresh = require "fresh"
local tacho = require "tachograph"

-- Every function and method with every wrong kind of argument: it may raise or return nil, never crash or hang, and the
-- collector works afterwards.
describe("wrong arguments", function()
  local WRONG = {
    nil, true, 0, -1, 1.5, 0 / 0, math.huge, math.mininteger, "", "x", ("x"):rep(100000), "a\0b", "\xff\xfe", {},
    {1, 2},
    {kind = {}}, {usage = {usage = {}}}, print, function() error "from a callback" end, coroutine.create(print),
    io.stdout,
  }
  local COUNT = 21

  local function try(fn, ...)
    local ok, result = pcall(fn, ...)
    if not ok then assert.equal("string", type(result)) end
  end

  -- These take a snapshot each time.
  local READS = {summary = true, operations = true, tools = true, models = true, sessions = true, slowest = true,
    records = true, snapshot = true}

  local function try_all(fn, self, few)
    try(fn)
    try(fn, self)
    for i = 1, COUNT do
      try(fn, WRONG[i])
      try(fn, self, WRONG[i])
      for j = 1, few and 0 or COUNT do
        try(fn, self, WRONG[i], WRONG[j])
        try(fn, self, "name", WRONG[i], WRONG[j])
        try(fn, self, "name", 1, WRONG[i], WRONG[j])
      end
    end
  end

  -- Not called here: they write files.
  local WRITES = {save = true, export = true}

  it("of the functions", function()
    for name, fn in pairs(tacho) do
      if type(fn) == "function" and not WRITES[name] then try_all(fn, "name", READS[name]) end
      tacho.reset()
    end
    assert.is_true(tacho.enabled())
  end)

  it("of a collector's methods", function()
    local c = fresh.collector()
    for name in pairs(tacho) do
      if type(c[name]) == "function" and not WRITES[name] then try_all(c[name], c, READS[name]) end
      c:reset()
    end
    c:record("fine", 1)
    assert.equal(1, fresh.row(c:operations(), "operation", "fine").calls)
  end)

  it("of the methods of operations, sessions and snapshots", function()
    local c = fresh.collector()
    for _, name in ipairs {"add_component", "component", "context", "cost", "fail", "finish", "first_token", "human",
      "model", "provider", "retry", "tool_call", "traceparent", "usage", "warn"} do
      local op = c:operation("op")
      try_all(op[name], op)
      op:finish()
    end
    local run = c:session()
    try_all(run.finish, run)
    local snapshot = c:snapshot()
    for _, name in ipairs {"summary", "operations", "tools", "models", "sessions", "slowest", "records", "merge"} do
      try_all(snapshot[name], snapshot, true)
    end
  end)

  it("of the metamethods", function()
    local c = fresh.collector()
    for _, object in ipairs {c, c:operation "x", c:session(), c:snapshot(), c:operation("y"):component "z"} do
      local meta = debug.getmetatable(object)
      for _, name in ipairs {"__index", "__close", "__gc"} do
        if type(meta[name]) == "function" then
          try(meta[name])
          try(meta[name], object, 1)
          try(meta[name], object, "no such field")
        end
      end
    end
  end)

  it("refuses empty names where something is bound or begun, and counts them where something is recorded", function()
    local c = fresh.collector()
    for _, name in ipairs {"operation", "step", "tool", "llm", "agent", "workflow", "cache", "track"} do
      assert.error_matches(function() c[name](c, "", function() end) end, "a name must not be empty")
    end
    assert.error_matches(function() c:session "" end, "the id of a session must not be empty")
    assert.is_true(c:record("", 1))
    assert.equal(1, c:summary().data_quality.drops.invalid_value)
  end)
end)
