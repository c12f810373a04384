# A façade over CMake's presets; `make help` lists the words. Everything lands in build/<preset>/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help run build test test-all bench bench-queue bench-queue-load chaos fuzz test-debug test-release test-tsan test-clang-asan \
  test-clang-tsan test-gdb test-mutants lint format compile-cost docs package clean

JOBS ?= $(shell nproc)
DIR ?= $(CURDIR)
export DIR  # names hold quotes: the shell gets them by its environment
BROKER ?=
WORKERS ?=
ARGS ?=
# Narrows make test: make test TESTS='sync|timeout'
TESTS ?=
# Narrows make test-<preset>, its build too, to the tests of one folder: make test-tsan FLOOR=queue
FLOOR ?=
# Seconds for make compile-cost
COST_S ?= 600
# make bench, make bench-queue: how often everybody is measured (9, 5), and who beside Coterie
ROUNDS ?=
PEERS ?= celery,rq,sidekiq,bullmq
# make bench: a rough look instead of figures that count, and only rows that contain a word
QUICK ?=
ONLY ?=
# Seconds a fuzzer runs in make fuzz
FUZZ_S ?= 30
# Of faults in make chaos, and what its schedule is drawn from (empty: anything, which it prints)
SECONDS ?= 60
SEED ?=

say = @printf '\033[1m== %s\033[0m\n' "$(1)"

# $(call configure,preset,options): quiet unless it fails.
configure = @mkdir -p build; cmake --preset $(1) $(2) >build/configure-$(1).log 2>&1 || { cat build/configure-$(1).log >&2; exit 1; }
# $(call build,preset,targets): on a terminal ninja keeps one line of progress; elsewhere only warnings and errors show.
build = @cmake --build --preset $(1) -j $(JOBS) $(if $(2),--target $(2)) $(if $(MAKE_TERMOUT),,-- --quiet)
tests = $(or $(TESTS),$(if $(FLOOR),^$(FLOOR)[.]))
ctest = @ctest --preset $(1) -j $(JOBS) $(if $(tests),-R '$(tests)')

help:
	@echo 'make run [DIR=folder] [BROKER=url] [WORKERS=n] [ARGS=...]   index a folder through a durable queue (the first thing to try)'
	@echo 'make build                       the release build: build/release/{bin,bench,examples}'
	@echo 'make test [TESTS=regex]          gcc, debug, AddressSanitizer and UndefinedBehaviorSanitizer'
	@echo 'make test-all                    test, then release, tsan, clang-asan, clang-tsan, gdb, mutants'
	@echo 'make test-<preset> [FLOOR=core]  one of them, or its tests of one folder; mutants: the tests catch what they are there to catch'
	@echo 'make test-gdb                    cores of programs by gcc and clang, -O2, stripped and not, say what the programs said'
	@echo 'make bench [ROUNDS=9] [QUICK=1] [ONLY=word]   the runtime beside a bare coroutine, Boost.Asio, asyncio and uvloop: 8 minutes; QUICK: 3'
	@echo 'make bench-queue [ROUNDS=5] [PEERS=celery,rq,sidekiq,bullmq]   the queue on Redis beside others, installed by this: 10 minutes'
	@echo 'make bench-queue-load                what a big backlog, a long life, busy and idle workers cost Redis: half an hour'
	@echo 'make chaos [SECONDS=60] [SEED=n] [BROKER=redis|sqlite|sentinel|cluster]   kills, power cuts, rollbacks, failovers and moved slots under load, and a judge of what is left'
	@echo 'make fuzz [FUZZ_S=30]            every fuzzer for that many seconds'
	@echo 'make lint                        format, clang-tidy on what changed, headers, floors, conformance'
	@echo 'make format                      clang-format everything in place'
	@echo 'make compile-cost                every translation unit within 10 s and 700 MB'
	@echo 'make docs                        links resolve, code blocks compile'
	@echo 'make package                     Debian packages in build/release/packages'
	@echo 'make clean                       remove build/'

run:
	@scripts/bootstrap run
	$(call say,Building the example (release; the first time takes a minute or two))
	$(call configure,release)
	$(call build,release,example_file_index)
	$(call say,Indexing $$DIR)
	@build/release/examples/file_index "$$DIR" --dashboard $(if $(BROKER),--broker '$(BROKER)') $(if $(WORKERS),--workers '$(WORKERS)') $(ARGS)

build:
	@scripts/bootstrap run
	$(call say,Building release)
	$(call configure,release)
	$(call build,release)

test: test-debug

test-all: test-debug test-release test-tsan test-clang-asan test-clang-tsan test-gdb test-mutants

test-debug:
	@scripts/bootstrap test
	$(call say,Building debug (gcc, ASan + UBSan))
	$(call configure,debug)
	$(call build,debug)
	$(call say,Testing debug)
	$(call ctest,debug)

test-release:
	@scripts/bootstrap test
	$(call say,Building release)
	$(call configure,release,-DCOTERIE_TESTS=ON)
	$(call build,release,$(if $(FLOOR),$(FLOOR)_tests))
	$(call say,Testing release)
	$(call ctest,release)

test-tsan test-clang-asan test-clang-tsan: test-%:
	@scripts/bootstrap $(if $(findstring clang,$*),all,test)
	$(call say,Building $*)
	$(call configure,$*)
	$(call build,$*,$(if $(FLOOR),$(FLOOR)_tests))
	$(call say,Testing $*)
	$(call ctest,$*)

test-gdb:
	@scripts/bootstrap all
	$(call say,Building the command and a program by gcc and the library by clang)
	$(call configure,release,-DCOTERIE_TESTS=ON)
	$(call build,release,coterie_command example_deadlock)
	$(call configure,clang-release)
	$(call build,clang-release,coterie_runtime)
	$(call say,Reading their cores)
	@ctest --preset release -R '^cli[.]gdb_test$$' -V

test-mutants:
	@scripts/bootstrap all
	$(call say,Building mutants)
	$(call configure,mutants)
	$(call build,mutants)
	$(call say,Testing mutants)
	@rm -rf build/mutants/mutants/results
	@status=0; ctest --preset mutants -j $(JOBS) $(if $(TESTS),-R '$(TESTS)') || status=$$?; \
	  scripts/mutants table build/mutants/mutants/results || true; exit $$status

bench:
	@scripts/bootstrap run
	@scripts/bootstrap bench
	$(call say,Building the benchmarks (release))
	$(call configure,release,-DCOTERIE_BENCH=ON)
	$(call build,release,runtime_bench references)
	$(call say,Measuring: nothing else should run on this machine)
	@bench/compare --rounds '$(or $(ROUNDS),$(if $(QUICK),3,9))' $(if $(QUICK),--no-count) $(if $(ONLY),--only $(ONLY)) $(ARGS)

bench-queue:
	@scripts/bootstrap run
	@scripts/bootstrap peers
	$(call say,Building the command and its side of the comparison (release))
	$(call configure,release)
	$(call build,release,coterie_command bench_queue_coterie)
	$(call say,Measuring: nothing else should run on this machine)
	@bench/bench-queue --rounds '$(or $(ROUNDS),5)' --peers '$(PEERS)' $(ARGS)

bench-queue-load:
	@scripts/bootstrap run
	@scripts/bootstrap peers
	$(call say,Building its programs (release))
	$(call configure,release,-DCOTERIE_TESTS=ON)
	$(call build,release,bench_queue_coterie chaos_faults)
	$(call say,Measuring: nothing else should run on this machine)
	@bench/bench-queue-load $(ARGS)

chaos:
	@scripts/bootstrap test
	$(call say,Building for the chaos run (release))
	$(call configure,release,-DCOTERIE_TESTS=ON)
	$(call build,release,chaos_agent chaos_keys chaos_faults coterie_command)
	@tests/chaos/chaos --build build/release --seconds '$(SECONDS)' $(if $(SEED),--seed '$(SEED)') --broker '$(or $(BROKER),redis)' $(ARGS)

fuzz:
	@scripts/bootstrap all
	$(call say,Building the fuzzers)
	$(call configure,fuzz)
	$(call build,fuzz)
	@for f in build/fuzz/fuzz/fuzz_*; do [[ -x $$f ]] || continue; printf '\033[1m== %s, %s s\033[0m\n' "$$f" $(FUZZ_S); \
	  mkdir -p "build/fuzz/corpus/$${f##*/}"; \
	  "$$f" -max_total_time=$(FUZZ_S) -print_final_stats=1 -artifact_prefix=build/fuzz/ "build/fuzz/corpus/$${f##*/}" $$(find fuzz/seeds -path "fuzz/seeds/$${f##*/fuzz_}" -type d) $(ARGS); done

lint:
	@scripts/bootstrap all
	@scripts/lint

format:
	@scripts/bootstrap all
	@git ls-files -co --exclude-standard '*.hpp' '*.cpp' | xargs -r clang-format-19 -i

compile-cost:
	@scripts/bootstrap test
	$(call configure,release)
	@scripts/check-compile-cost --budget $(COST_S)

docs:
	@scripts/bootstrap test
	@scripts/check-docs

package:
	@scripts/bootstrap run
	$(call say,Building the packages (release))
	$(call configure,release)
	$(call build,release,packaged)
	@cd build/release && cpack -G DEB >cpack.log 2>&1 || { cat cpack.log >&2; exit 1; }
	@ls -1 build/release/packages/*.deb

clean:
	@rm -rf build
