local tacho = require "tachograph"

-- Numbers that several processes share through a folder.
describe("a shared folder", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)

  after_each(function()
    os.execute(("rm -rf '%s'"):format(folder))
  end)

  local function work(steps)
    local script = ([[
      local tacho = require "tachograph"
      for _ = 1, %d do tacho.record_step("plan", 1) end
      print(tacho.summary().total_steps, tacho.operations().totals.calls)]]):format(steps)
    local process = assert(io.popen(("TACHO_DIR='%s' lua5.4 -e '%s'"):format(folder, script)))
    local text = process:read "a"
    process:close()
    return text
  end

  it("lets processes be read as one", function()
    assert.equal("3\t3\n", work(3))
    assert.equal("4\t7\n", work(4))
    local here = tacho.collector {dir = folder}
    here:record_step("plan", 1)
    assert.equal(1, here:summary().total_steps)
    assert.equal(8, here:operations().totals.calls)
    assert.equal(8, here:snapshot():summary().total_steps)
    assert.equal(8, tacho.load(folder):operations().totals.calls)
    here:reset()
    assert.equal(7, here:operations().totals.calls)
  end)

  it("is no registry until somebody records there", function()
    os.execute(("mkdir '%s'"):format(folder))
    local snapshot, message, code = tacho.load(folder)
    assert.is_nil(snapshot)
    assert.is_string(message)
    assert.equal("IO", code)
  end)
end)
