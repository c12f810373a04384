-- Which ids enqueue would know.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 256 ids.
-- Gives for each 0 not known, 1 known, 2 withdrawn: Known.
begin()
local reply = {}
local tombs = call('ZMSCORE', P .. 'T', unpack(ARGV, 4))
for i = 4, #ARGV do
  local tomb = tonumber(tombs[i - 3] or 0)
  local known = 0
  if call('EXISTS', P .. 'j' .. ARGV[i]) == 1 then
    known = 1
  elseif tomb > kept then
    known = tomb % 1 == 0 and 1 or 2
  end
  reply[#reply + 1] = known
end
return reply
