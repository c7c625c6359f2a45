-- pktgen-dpdk: the highest rate that a home agent forwards with no more than a given loss.
--
--   write_pcap.py uplink   --to <MAC of the access port> uplink.pcap
--   write_pcap.py downlink --to <MAC of the home port>   downlink.pcap
--   pktgen -l 0-4 -a 0000:03:00.0 -a 0000:03:00.1 -- -P -m "[1:2].0,[3:4].1" \
--          -s 0:uplink.pcap -s 1:downlink.pcap -f pktgen_search.lua
--
-- The environment says what to do: SENDERS and RECEIVERS (port lists; "0" and "1" for uplink, the reverse for
-- downlink, "0,1" twice for both), SECONDS of each try, LOSS in percent, STEPS of the bisection, HIGHEST rate in
-- percent of the line. What leaves a port before its link is up, or after it stops, is not counted.

package.path = package.path .. ";?.lua;test/?.lua;app/?.lua;"

local function setting(name, default)
    return os.getenv(name) or default
end

local senders, receivers = setting("SENDERS", "0"), setting("RECEIVERS", "1")
local seconds, loss_allowed = tonumber(setting("SECONDS", "30")), tonumber(setting("LOSS", "0.001"))
local steps, highest = tonumber(setting("STEPS", "10")), tonumber(setting("HIGHEST", "100"))
local settle_ms = 2000 -- for what is still in a ring, and for pktgen to read its counters, once a second

local function total(list, field)
    local sum = 0
    for port in list:gmatch("%d+") do
        sum = sum + pktgen.portStats(port, "port")[tonumber(port)][field]
    end
    return sum
end

local function try(rate)
    pktgen.set(senders, "rate", rate)
    pktgen.delay(settle_ms)
    local sent, received = total(senders, "opackets"), total(receivers, "ipackets")
    pktgen.start(senders)
    pktgen.delay(seconds * 1000)
    pktgen.stop(senders)
    pktgen.delay(settle_ms)
    sent, received = total(senders, "opackets") - sent, total(receivers, "ipackets") - received
    local loss = sent > 0 and math.max(0, 100 * (sent - received) / sent) or 100
    print(string.format("%9.4f %%  %12d sent  %12d received  %9.5f %% lost  %8.3f Mpps", rate, sent, received, loss,
        received / seconds / 1e6))
    return loss, received / seconds / 1e6
end

pktgen.screen("off")
pktgen.pcap(senders, "on")
pktgen.set(senders, "count", 0)

local low, high, best = 0, highest, 0
for step = 1, steps do
    local rate = step == 1 and highest or (low + high) / 2
    local loss, mpps = try(rate)
    if loss <= loss_allowed then
        low, best = rate, mpps
    else
        high = rate
    end
    if low == high then
        break
    end
end
print(string.format("%.3f Mpps at %.4f %% of the line with at most %g %% lost", best, low, loss_allowed))
pktgen.quit()
