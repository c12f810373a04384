#!lua flags=allow-oom
-- Writes, and changes nothing: what stands before a WAIT or WAITAOF. Those concern what their own connection has written
-- up to then, and a call that is repeated on a new connection finds its answer on record and writes nothing. What is
-- written here comes behind everything that the server has written for anybody, so that waiting for it is waiting for
-- all of that. Allowed at full memory, as an acknowledgement is.
--
-- KEYS[1] the shard's m; ARGV[1..3] time (begin).
begin()
counters = true
flush()
return 1
