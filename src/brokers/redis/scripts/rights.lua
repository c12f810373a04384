#!lua flags=no-writes
-- What the scripts call and this user may not: a script that is refused in its middle has written its beginning.
--
-- Stands by itself, without the prelude, and has no keys, so that every server of a cluster runs it.
-- ARGV[1] what a shard's keys begin with; then the commands.
-- Gives those that are refused. (Redis 7.0.0 and 7.0.1 cannot tell: none.)
local P, refused = ARGV[1], {}
for i = 2, redis.acl_check_cmd and #ARGV or 0 do
  local name, allowed = ARGV[i], nil
  if name == 'SPUBLISH' then
    allowed = redis.acl_check_cmd(name, P .. 'v', '')
  elseif name == 'TIME' then
    allowed = redis.acl_check_cmd(name)
  else
    allowed = redis.acl_check_cmd(name, P .. 'm')
  end
  if not allowed then refused[#refused + 1] = name end
end
return refused
