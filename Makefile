# The front door of Keyfob. `make` alone says what there is; nothing here needs an argument.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.NOTPARALLEL:

JOBS ?= $(shell nproc)
ifneq ($(origin SECONDS),undefined)
SECONDS_EACH ?= $(SECONDS)
endif
SECONDS_EACH ?= 60
ifeq ($(origin SECONDS),command line)
SECONDS_EACH := $(SECONDS)
endif
# Most tests wait for clocks and processes rather than compute.
CTEST := ctest --output-on-failure --no-label-summary --timeout 1200 -j$(shell expr 2 \* $(JOBS))

.PHONY: help deps deps-build configure build all test check-all tsan bench fuzz soak lint format package demo clean

help:
	@echo 'Keyfob keeps OAuth token pairs for vehicle APIs and never loses one. Start with the first two:'
	echo
	awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	echo
	echo 'Each installs what it needs from apt (sudo when you are not root) and builds what it runs.'
	echo 'Make a first change: edit, `make format`, `make test`. One module only, quickly:'
	echo '  cmake --preset dev && cmake --build build/dev --target core_test && build/dev/bin/core_test'
	echo 'JOBS=n sets the parallelism (now $(JOBS)). CONTRIBUTING.md says how the code is kept.'

demo: build ## the main job for real against a local Smartcar: consent, call, refresh, crash, recover, revoke
	@tools/need tools/demo 'the narrated demonstration'
	tools/demo

test: deps all ## everything CI runs: unit, contract, simulation, crash, e2e, sanitizers, lint
	@tools/sanitized asan build $(JOBS)
	KEYFOB_JOBS=$(JOBS) $(CTEST) --test-dir build

build: configure ## release build: build/bin/keyfob and build/bin/smartcar-sim
	@cmake --build build -j$(JOBS) --target keyfob smartcar-sim

bench: deps all ## figures beside their references in the same run; writes JSON (BENCH=postgres-flat: that part alone)
	@tools/need bench/run 'the benchmark run'
	bench/run $(BENCH)

lint: deps all ## format, layers, functions, secrets, headers, clang-tidy
	@KEYFOB_JOBS=$(JOBS) tools/lint

format: deps ## rewrites every source file in the house style
	@tools/sources | xargs clang-format-19 -i

check-all: test tsan ## make test, then what takes long: ThreadSanitizer, clang-tidy on everything, container file, soak, fuzzing
	@KEYFOB_JOBS=$(JOBS) tools/clang_tidy --all
	tests/container/run
	$(MAKE) --no-print-directory soak fuzz

tsan: deps ## the unit, contract and simulation suites under ThreadSanitizer
	@tools/sanitized tsan build $(JOBS)
	tools/sanitized tsan test $(JOBS)

soak: deps all ## long chaos and the long vectors (SECONDS=n)
	@tools/need tests/soak/run 'the soak run'
	tests/soak/run $(SECONDS_EACH)

fuzz: deps ## every fuzz target (SECONDS=n)
	@tools/need tests/fuzz/run 'the fuzz run'
	tests/fuzz/run $(SECONDS_EACH)

package: build ## a .deb with a hardened systemd unit
	@tools/need packaging/build_deb 'the Debian package'
	packaging/build_deb

deps: ## installs what is missing from apt; does nothing the second time
	@tools/deps.sh all

clean: ## removes build/
	@rm -rf build

# Not named in the help: steps of the targets above.
deps-build:
	@tools/deps.sh build
configure: deps-build
	@cmake --preset release >/dev/null || cmake --preset release
all: configure
	@cmake --build build -j$(JOBS)
