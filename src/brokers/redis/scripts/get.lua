-- Jobs by their ids.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); then up to 64 ids; last '1': their attempts too, or ''.
-- Gives for each what describe.lua says, or nil; for the first of them only, where these fill the reply.
begin()
fetch({unpack(ARGV, 4, #ARGV - 1)})
local reply = {}
for i = 4, #ARGV - 1 do
  if is_full() then break end
  local job = find(ARGV[i])
  reply[#reply + 1] = job and describe(job, ARGV[#ARGV] == '1') or false
end
return reply
