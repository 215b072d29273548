-- Loads a snapshot and prints export("json"): load.lua FILE.
local tacho = require "tachograph"

io.write(assert(assert(tacho.load(arg[1])):export "json"))
