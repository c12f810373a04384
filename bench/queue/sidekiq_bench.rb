# Sidekiq in make bench-queue. The contract stands in bench/bench-queue.
#
# Sidekiq keeps no results, so the job itself stores its own, in one hash: one HSET, the cheapest way that can be read
# afterwards. A job is gone from Redis as soon as it is taken: what a worker that is killed was running is lost.
#
#   ruby sidekiq_bench.rb PORT MODE A [B]; as a worker it becomes `sidekiq -r` of this file
require 'json'
require 'sidekiq'

serving = defined?(Sidekiq::CLI)
port = serving ? ENV.fetch('BENCH_PORT') : ARGV.fetch(0)
Sidekiq.logger.level = Logger::ERROR # it logs each job
redis = { url: "redis://127.0.0.1:#{port}/0" }
redis[:driver] = :hiredis if ENV['BENCH_DRIVER'] == 'hiredis' # a setting is a number of threads, or "10+hiredis"
Sidekiq.configure_server { |config| config.redis = redis }
Sidekiq.configure_client { |config| config.redis = redis }

BATCH = 1000
SAMPLE = 1000
RESULTS = 'bench:results'.freeze

def payload(number) = format('%012d', number).ljust(198, 'x')
def result(text) = text[0, 12].ljust(98, 'y')

# Does nothing, and keeps a result.
class NoOp
  include Sidekiq::Worker
  sidekiq_options queue: 'bench'

  def perform(text)
    Sidekiq.redis { |connection| connection.hset(RESULTS, jid, result(text)) }
  end
end

# Says how late it began: one line, "NUMBER NANOSECONDS".
class Stamp
  include Sidekiq::Worker
  sidekiq_options queue: 'bench'
  LATENCIES = File.open(ENV.fetch('BENCH_LATENCIES', '/dev/null'), 'a').tap { |file| file.sync = true }

  def perform(text)
    now = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
    LATENCIES.write("#{text[0, 12]} #{now - text[13, 20].to_i}\n")
    Sidekiq.redis { |connection| connection.hset(RESULTS, jid, result(text)) }
  end
end

def monotonic = Process.clock_gettime(Process::CLOCK_MONOTONIC)

def push_bulk(first, last)
  Sidekiq::Client.push_bulk('class' => NoOp, 'args' => (first...last).map { |number| [payload(number)] })
end

def fill(count, ids_file)
  ids = []
  start = monotonic
  0.step(count - 1, BATCH) { |first| ids.concat(push_bulk(first, [count, first + BATCH].min)) }
  puts JSON.generate(jobs: count, seconds: monotonic - start)
  File.write(ids_file, ids.map { |id| "#{id}\n" }.join)
end

def rate(seconds, at_a_time)
  start = monotonic
  done = 0
  spent = 0.0
  while spent < seconds
    yield done
    done += at_a_time
    spent = monotonic - start
  end
  (done / spent).round(1)
end

def enqueue(seconds)
  single = rate(seconds, 1) { |number| NoOp.perform_async(payload(number)) }
  bulk = rate(seconds, BATCH) { |first| push_bulk(first, first + BATCH) }
  puts JSON.generate(single_per_s: single, bulk_per_s: bulk, bulk: 'push_bulk(1000)')
end

# Jobs at fixed times. The first goes ahead alone: the worker is there when it has come through.
def produce(count, per_s)
  due = monotonic
  count.times do |number|
    pause = due - monotonic
    sleep(pause) if pause.positive?
    now = Process.clock_gettime(Process::CLOCK_REALTIME, :nanosecond)
    Stamp.perform_async(format('%012d %020d', number, now).ljust(198, 'x'))
    due += 1 / per_s
    next if number.positive?

    sleep(0.01) until File.size?(ENV.fetch('BENCH_LATENCIES'))
    due = monotonic + 1 / per_s
  end
  puts JSON.generate(sent: count)
end

def check(count, ids_file)
  ids = File.readlines(ids_file, chomp: true)
  numbers = 0.step(count - 1, [1, -(-count / SAMPLE)].max).to_a
  right = Sidekiq.redis do |connection|
    numbers.count { |number| connection.hget(RESULTS, ids[number]) == result(payload(number)) }
  end
  puts JSON.generate(looked: numbers.size, right: right)
end

unless serving
  _, mode, a, b = ARGV
  case mode
  when 'drain', 'serve'
    threads, driver = a.split('+')
    ENV.update('BENCH_PORT' => port, 'BENCH_DRIVER' => driver.to_s)
    exec('sidekiq', '-r', File.expand_path(__FILE__), '-c', threads, '-q', 'bench', '-t', '1', '-e', 'production')
  when 'fill' then fill(a.to_i, b)
  when 'enqueue' then enqueue(a.to_f)
  when 'produce' then produce(a.to_i, b.to_f)
  when 'check' then check(a.to_i, b)
  else abort "sidekiq_bench.rb: unknown mode '#{mode}'"
  end
end
