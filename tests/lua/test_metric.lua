local tacho = require "tachograph"

describe("custom metrics", function()
  local collector
  before_each(function() collector = assert(tacho.collector {}) end)

  local function row(name)
    local rows = collector:metrics(name)
    assert.equal(1, #rows)
    return rows[1]
  end

  it("count in closures and as methods", function()
    local counter = collector:counter("requests", {description = "Requests served."})
    local inc = counter.inc
    inc()
    inc(0.5)
    counter:inc(2)
    counter:add(1)
    assert.equal(4.5, row("requests").value)
    assert.equal("Requests served.", row("requests").description)
    assert.equal("counter", row("requests").type)
  end)

  it("have labels", function()
    local counter = collector:counter("requests", {labels = {"route", "status"}})
    counter:labels {route = "/a", status = 200}.inc()
    counter.labels {route = "/a", status = "200"}.inc(2)
    counter:labels {route = "/a", status = 500}:inc()
    local rows = collector:metrics()
    assert.equal(2, #rows)
    assert.same({route = "/a", status = "200"}, rows[1].labels)
    assert.equal(3, rows[1].value)
    assert.has_error(function() counter:labels {route = "/a"} end)
    assert.has_error(function() counter:labels {route = "/a", status = 1, colour = "red"} end)
    assert.has_error(function() collector:counter("plain"):labels {} end)
  end)

  it("keep bytes as whole numbers", function()
    collector:counter("sent", {unit = "By"}).inc(2 ^ 40)
    assert.equal("integer", math.type(row("sent").value))
    assert.equal(1 << 40, row("sent").value)
  end)

  it("go up and down in a gauge", function()
    local gauge = collector:gauge("depth", {merge = "max"})
    assert.equal(0, #collector:metrics())
    gauge.set(5)
    gauge.inc()
    gauge.dec(2)
    gauge.add(-0.5)
    assert.equal(3.5, row("depth").value)
    assert.equal("max", row("depth").merge)
  end)

  it("time blocks in a histogram", function()
    local histogram = collector:histogram("wait", {unit = "s"})
    do
      local _ <close> = histogram:time()
    end
    histogram.time():finish()
    histogram.observe(2.5)
    assert.equal(3, row("wait").count)
    assert.equal(2.5, row("wait").max)
    assert.is_nil(row("wait").value)
  end)

  it("are checked when they are declared", function()
    for _, where in ipairs {tacho.counter, function(...) return collector:counter(...) end} do
      for _, name in ipairs {"", "1x", "a b", "tacho_cache_hits_total"} do
        assert.has_error(function() where(name) end)
      end
      assert.has_error(function() where("x", {labels = {"le"}}) end)
      assert.has_error(function() where("x", {colour = 1}) end)
    end
    collector:counter("x")
    assert.has_error(function() collector:gauge("x") end)
    assert.has_error(function() collector:gauge("y", {merge = "average"}) end)
  end)

  it("raise where a declaration is wrong, and say what is", function()
    local nine = {"a", "b", "c", "d", "e", "f", "g", "h", "i"}
    local wrong = {
      {{labels = nine}, "option 'labels': a metric has at most 8 labels, got 9"},
      {{labels = "route"}, "option 'labels': list of names expected, got string"},
      {{labels = {5}}, "option 'labels': names as strings expected, got number"},
      {{labels = {a = "b"}}, "option 'labels': list of names expected, got the key 'a'"},
      {{labels = {"a", [0] = "b"}}, "option 'labels': list of names expected, got the key '0'"},
      {{labels = {"a", nil, "c"}}, "option 'labels': list of names expected"},
      {{description = {}}, "option 'description': string expected, got table"},
      {{unit = 5}, "option 'unit': string expected, got number"},
      {{merge = false}, "option 'merge': string expected, got boolean"},
      {{merge = "average"}, "option 'merge': unknown rule 'average'; it is one of sum, newest, max"},
    }
    for _, where in ipairs {tacho, collector} do
      for _, kind in ipairs {"counter", "gauge", "histogram"} do
        local function declare(options)
          return function()
            if where == tacho then return tacho[kind]("w", options) end
            return collector[kind](collector, "w", options)
          end
        end
        for _, case in ipairs(wrong) do assert.error_matches(declare(case[1]), case[2], 1, true) end
      end
    end
    table.remove(nine)
    assert(collector:counter("eight", {labels = nine}))
    assert(collector:counter("none", {labels = {}}))
  end)

  it("raise where they are declared as something else", function()
    tacho.counter("hits", {labels = {"route"}}):labels {route = "/a"}.inc()
    assert.error_matches(function() tacho.gauge("hits") end,
      "'hits' is already a counter with the label route; it cannot also be a gauge")
    tacho.counter("hits", {labels = {"route"}, description = "Described again."})
    tacho.gauge("unused", {unit = "seconds", merge = "sum"})
    tacho.gauge("unused", {unit = "s", merge = "sum"})
    for _, merge in ipairs {"newest", "max"} do
      assert.error_matches(function() tacho.gauge("unused", {unit = "s", merge = merge}) end,
        "is already a gauge in s, merged by sum")
    end
    tacho.collector():histogram("of_the_collector")
    assert.error_matches(function() tacho.counter("of_the_collector") end, "already a histogram")
    tacho.counter("of_the_module")
    assert.error_matches(function() tacho.collector():gauge("of_the_module") end, "already a counter")
    collector:counter("x", {labels = {"a", "b"}})
    assert.error_matches(function() collector:counter("x") end, "already a counter with the labels a, b")
  end)

  it("count values as lost where no metric could be declared", function()
    local late = tacho.counter("late")
    local standard = tacho.collector()
    for i = 1, 1100 do
      if not standard:counter("many_" .. i) then break end
    end
    late.inc()
    late.inc(4)
    assert.equal(0, #tacho.metrics("late"))
    assert.equal(2, tacho.summary().data_quality.drops.operation_lost)
    tacho.reset()
    assert(tacho.configure {}) -- a default collector without all those metrics
  end)

  it("refuse what is no amount", function()
    local counter = collector:counter("x")
    local done, message, code = counter.inc(-1)
    assert.is_nil(done)
    assert.is_string(message)
    assert.equal("INVALID", code)
    assert.is_nil(counter.inc(0 / 0))
    assert.equal(0, row("x").value)
  end)

  it("count what is given and is no number as invalid, and leave the metric as it was", function()
    local counter, gauge, histogram = collector:counter("c"), collector:gauge("g"), collector:histogram("h")
    gauge.set(7)
    local missing, invalid = {}, 0
    local closures = {counter.inc, counter.add, gauge.set, gauge.inc, gauge.add, gauge.dec, histogram.observe}
    for i = 1, 5 do
      local wrong = ({[2] = {}, [3] = "many", [4] = true, [5] = print})[i] or missing.there
      for _, record in ipairs(closures) do
        local done, message, code = record(wrong)
        assert.is_nil(done)
        assert.is_string(message)
        assert.equal("INVALID", code)
        invalid = invalid + 1
      end
      counter:add(wrong)
      gauge:dec(wrong)
      invalid = invalid + 2
    end
    assert.same({invalid_value = invalid}, collector:summary().data_quality.drops)
    assert.equal(0, row("c").value)
    assert.equal(7, row("g").value)
    assert.equal(0, row("h").count)
    counter.inc()
    counter:inc()
    gauge:inc()
    gauge.dec()
    gauge.dec()
    assert.equal(2, row("c").value)
    assert.equal(6, row("g").value)
    for _, fn in ipairs {gauge.set, histogram.observe} do
      assert.error_matches(fn, "a value expected, got none")
    end
    assert.error_matches(function() gauge:set() end, "a value expected, got none")
  end)

  it("follow the default collector", function()
    local counter = tacho.counter("early", {labels = {"a"}}):labels {a = "x"}
    local hit = tacho.cache("early").hit
    tacho.reset()
    counter.inc()
    hit()
    assert.equal(1, tacho.metrics("early")[1].value)
    tacho.reset()
    counter.inc(5)
    hit(2)
    assert.equal(5, tacho.metrics("early")[1].value)
    assert.equal(2, tacho.caches()[1].hits)
  end)

  it("survive a collector that was closed", function()
    local counter, cache = collector:counter("x"), collector:cache("k")
    collector:close()
    counter.inc()
    cache.hit()
    collector = nil
    collectgarbage()
    counter.inc()
    assert(cache.hit())
  end)
end)

describe("caches", function()
  it("count what happens", function()
    local collector = assert(tacho.collector {})
    local cache = collector:cache("prompt")
    local hit = cache.hit
    hit()
    hit(2)
    cache.miss()
    cache:eviction()
    cache.size_rejection()
    cache.size(10, 64)
    cache:size(11)
    assert(collector:record_cache("files", "miss", 4))
    do
      local op <close> = collector:operation("answer")
      op:cache("prompt", "hit")
    end
    local rows = collector:caches()
    assert.equal(2, #rows)
    local files, prompt = rows[1], rows[2]
    assert.equal("prompt", prompt.cache)
    assert.same({4, 1, 5, 0.8}, {prompt.hits, prompt.misses, prompt.total_requests, prompt.hit_rate})
    assert.same({1, 1, 11, 64}, {prompt.evictions, prompt.size_rejections, prompt.size, prompt.capacity})
    assert.same({0, 0}, {files.hits, files.hit_rate})
    assert.is_nil(files.size)
    assert.equal(9, rows.totals.total_requests)
    assert.truthy(tostring(rows):find "prompt")
    assert.is_nil(collector:record_cache("files", "explosion"))
  end)

  it("count what is given and is no count as invalid, and leave the cache as it was", function()
    local collector = assert(tacho.collector {})
    local cache, missing, invalid = collector:cache("prompt"), {}, 0
    cache.size(3, 9)
    local function refused(record, ...)
      local done, _, code = record(...)
      assert.is_nil(done)
      assert.equal("INVALID", code)
      invalid = invalid + 1
    end
    for _, event in ipairs {"hit", "miss", "eviction", "size_rejection", "size"} do
      refused(cache[event], missing.there)
      refused(cache[event], cache, missing.there)
      for _, wrong in ipairs {{}, 1.5, -1, "many", true} do refused(cache[event], wrong) end
    end
    for _, wrong in ipairs {{capacity = {}}, 1.5, -1, "many", true} do refused(cache.size, 5, wrong) end
    refused(collector.record_cache, collector, "prompt", "hit", missing.there)
    refused(collector.record_cache, collector, "prompt", "hit", {})
    assert.same({invalid_value = invalid}, collector:summary().data_quality.drops)
    cache.hit()
    cache:miss()
    cache.size(4, missing.there)
    cache.size(5, {})
    assert(collector:record_cache("prompt", "hit"))
    local row = collector:caches()[1]
    assert.same({2, 1, 0, 0, 5, 9},
      {row.hits, row.misses, row.evictions, row.size_rejections, row.size, row.capacity})
    assert.error_matches(cache.size, "a value expected, got none")
    assert.error_matches(function() tacho.cache("") end, "a name must not be empty")
  end)
end)
