local fresh = require "fresh"
local tacho = require "tachograph"

describe("declared tags", function()
  local c
  before_each(function()
    c = fresh.collector {tags = {"tier"}}
    local function call(tags, tokens)
      c:record("ask", 1.0, {
        kind = "llm", provider = "anthropic", model = "claude-opus-4-6", usage = {input = tokens}, tags = tags,
      })
    end
    call({tier = "gold", user = "u-1"}, 1000)
    call({tier = "gold"}, 500)
    call({tier = "silver"}, 100)
    call({}, 10)
  end)

  local function by_tier(source, limits)
    local rows, found = assert(source:usage("tag:tier", limits)), {}
    for _, row in ipairs(rows) do found[row.tags.tier or "none"] = row.calls .. "/" .. row.input_tokens end
    return found
  end

  it("are keys of tables", function()
    local want = {gold = "2/1500", silver = "1/100", none = "1/10"}
    assert.same(want, by_tier(c))
    assert.same(want, by_tier(c, {since = "1h"}))
    local path = os.tmpname()
    c:save(path)
    assert.same(want, by_tier(tacho.load(path)))
    os.remove(path)
    assert.matches("tag:tier", tostring(c:usage {"tag:tier", "model"}))
    assert.same({}, c:usage("model")[1].tags)
  end)

  it("restrict tables", function()
    assert.same({gold = "2/1500"}, by_tier(c, {where = {["tag:tier"] = "gold"}}))
    assert.same({none = "1/10"}, by_tier(c, {where = {["tag:tier"] = false}}))
    assert.equal(4, c:usage("total", {where = {provider = "anthropic"}}).total_calls)
    assert.equal(0, c:usage("total", {where = {model = "x", ["tag:tier"] = "gold"}}).total_calls)
  end)

  it("stand in records", function()
    local records = c:records()
    assert.same({tier = "gold"}, records[1].tags)
    assert.same({}, records[4].tags)
  end)

  it("are refused by name where they make no sense", function()
    assert.has_error(function() c:usage("tag:") end, "bad argument #1 to 'usage' (unknown grouping key 'tag:')")
    local function where(value) return function() c:usage("total", {where = value}) end end
    assert.error_matches(where {kind = "llm"}, "where: unknown key 'kind'")
    assert.error_matches(where {model = false}, "where: 'model' is a text, got boolean")
    assert.error_matches(where {["tag:tier"] = 5}, "where: 'tag:tier' is a text or false, got number")
    assert.error_matches(where "x", "where: a table of keys and values expected, got string")
  end)

  it("knows periods as how long ago", function()
    assert.equal(4, c:usage("total", {since = "2w"}).total_calls)
    assert.equal(0, c:usage("total", {["until"] = "1h"}).total_calls)
    local wrong = "'yesterday' is no time: give epoch seconds, .* or how long ago %(30m, 24h, 7d, 2w%)"
    assert.error_matches(function() c:usage("total", {since = "yesterday"}) end, wrong)
  end)
end)
