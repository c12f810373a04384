-- A page of jobs.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4..8] walk.lua; [9] how many at most; [10] '1': their attempts
-- too, or ''.
-- Gives {the number to go on behind (0: the end), jobs as describe.lua says, how many it looked at}; a page may be shorter
-- than asked for.
begin()
local page, most = {}, tonumber(ARGV[9])
local next_after, looked = walk(function(job)
  if #page == most or is_full() then return false end
  page[#page + 1] = describe(job, ARGV[10] == '1')
  return true
end)
return {next_after, page, looked}
