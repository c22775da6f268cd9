-- What wrk sends: PHASE=open and fund make the players, bet lets them bet. Every bet has a bet_id of its own.
local phase, accounts, run = os.getenv("PHASE"), tonumber(os.getenv("ACCOUNTS")), os.getenv("RUN_ID")
local threads, next_thread = 2, 0

function setup(thread)
  thread:set("id", next_thread)
  next_thread = next_thread + 1
end

function init()
  n = id -- thread 0 has the even accounts, 1 the odd ones
end

local function post(path, body, header)
  return "POST " .. path .. " HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n" .. (header or "") ..
         "Content-Length: " .. #body .. "\r\n\r\n" .. body
end

function request()
  local account = "player-" .. n % accounts
  n = n + threads
  if phase == "open" then
    return post("/v1/accounts", '{"account_id":"' .. account .. '","currency":"EUR"}')
  elseif phase == "fund" then
    return post("/v1/accounts/" .. account .. "/deposits", '{"amount_minor":1000000000,"currency":"EUR"}', "Idempotency-Key: bench\r\n")
  end
  return post("/v1/bets", '{"bet_id":"' .. run .. "-" .. n .. '","account_id":"' .. account ..
                          '","stake_minor":250,"currency":"EUR","selection":"AJA-PSV:home","odds_milli":1850}')
end

function done(summary, latency)
  local e = summary.errors
  print(string.format("bench requests %d", summary.requests))
  print(string.format("bench ms %d", summary.duration / 1000))
  print(string.format("bench requests_s %d", summary.requests * 1e6 / summary.duration))
  print(string.format("bench errors %d", e.connect + e.read + e.write + e.status + e.timeout))
  print(string.format("bench p50 %.1f", latency:percentile(50) / 1000))
  print(string.format("bench p99 %.1f", latency:percentile(99) / 1000))
end
