-- Sends the requests of a file, one after the other: wrk ... -- FILE METHOD PATH
-- With GET each line is put behind the path, with POST it is the body. THINK: milliseconds that a connection
-- rests before each request, on average.

local requests, at = {}, 0
local think = tonumber(os.getenv("THINK") or "0")

function init(args)
  local file, method, path = args[1], args[2], args[3]
  for line in io.lines(file) do
    if method == "GET" then
      requests[#requests + 1] = wrk.format(method, path .. line)
    else
      requests[#requests + 1] = wrk.format(method, path, nil, line)
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

if think > 0 then
  function delay()
    return math.random(0, 2 * think)
  end
end

function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format("\nMEASURED %d %d %d %d %d %d\n", summary.requests, failed, summary.duration,
    latency:percentile(50), latency:percentile(99), latency.max))
end
