#!lua flags=allow-oom
-- A worker that was told of a job cannot take it: another one may.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin); [4] queue; [5] handler.
begin()
wake_for(ARGV[4], ARGV[5], 1)
return 1
