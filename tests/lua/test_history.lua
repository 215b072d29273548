local tacho = require "tachograph"

-- Finished operations that a program hands to a history file while it runs.
describe("a history", function()
  local folder, file

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    file = folder .. "/history.db"
  end)

  after_each(function()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  -- By the command, another process: nothing here may open a file that the library has open.
  local function steps()
    local command = ("tacho usage --by operation --history '%s' --format csv 2>/dev/null"):format(file)
    local process = assert(io.popen(command))
    local found = {}
    for line in process:lines() do
      local name, calls = line:match "^(%a+),%a*,(%d+),"
      if name and name ~= "operation" then found[name] = tonumber(calls) end
    end
    process:close()
    return found
  end

  local function run(script, environment)
    local path = os.tmpname()
    local out = assert(io.open(path, "w"))
    out:write(script)
    out:close()
    local done = os.execute(("%s lua5.4 '%s'"):format(environment or "", path))
    os.remove(path)
    return done
  end

  it("gets what was recorded at a flush and at the close", function()
    local collector = assert(tacho.collector {history = file, history_interval = "1h"})
    collector:record_step("plan", 1)
    assert.is_true(collector:flush())
    assert.same({plan = 1}, steps())
    collector:record_step("plan", 1)
    collector:close()
    assert.same({plan = 2}, steps())
  end)

  it("gets what is left when the program ends", function()
    assert.is_true(run([[require "tachograph".record_step("plan", 1)]],
      ("TACHO_HISTORY='%s' TACHO_HISTORY_INTERVAL=1h"):format(file)))
    assert.same({plan = 1}, steps())
  end)

  it("gets what is left when the program exits without closing its state", function()
    assert.is_true(run([[require "tachograph".record_step("plan", 1) os.exit(0)]],
      ("TACHO_HISTORY='%s' TACHO_HISTORY_INTERVAL=1h"):format(file)))
    assert.same({plan = 1}, steps())
  end)

  it("gets what the dead recorded in a shared folder", function()
    local shared = ("TACHO_DIR='%s' TACHO_HISTORY='%s' TACHO_HISTORY_INTERVAL=1h"):format(folder .. "r", file)
    run([[
      local tacho = require "tachograph"
      tacho.record_step("killed", 1)
      tacho.flush()
      tacho.record_step("late", 1)
      os.execute "kill -9 $PPID"]], shared)
    assert.same({killed = 1}, steps())
    assert.is_true(run([[require "tachograph".record_step("next", 1)]], shared))
    assert.same({killed = 1, late = 1, next = 1}, steps())
    os.execute(("rm -rf '%s'"):format(folder .. "r"))
  end)

  it("is kept over a reset", function()
    local collector = assert(tacho.collector {history = file, history_interval = "1h"})
    collector:record_step("plan", 1)
    collector:reset()
    collector:flush()
    assert.same({plan = 1}, steps())
    collector:close()
  end)

  it("that cannot be written is data quality", function()
    local blocked = os.tmpname()
    local collector = assert(tacho.collector {history = blocked .. "/history.db", history_interval = "1h"})
    collector:record_step("plan", 1)
    assert.is_nil((collector:flush()))
    assert.is_true(collector:summary().data_quality.drops.history_refused >= 1)
    collector:close()
    os.remove(blocked)
  end)

  it("is nothing that the module loads by itself", function()
    local collector = tacho.collector {history = "off"}
    collector:record_step("plan", 1)
    collector:close()
    assert.is_true(run [[
      require "tachograph".record_step("plan", 1)
      for line in io.lines "/proc/self/maps" do assert(not line:find "sqlite") end]])
  end)
end)
