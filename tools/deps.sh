#!/usr/bin/env bash
# deps.sh [build|all]: installs from apt what is missing. `build` is what compiling and the demo need, `all` adds what the
# tests, benchmarks and lint need. Root or sudo. When nothing is missing it asks dpkg once and says nothing.
set -euo pipefail

build=(build-essential cmake ninja-build pkg-config ccache mold git
       libboost1.81-dev libboost-system1.81-dev libboost-json1.81-dev libboost-url1.81-dev
       libssl-dev libsqlite3-dev sqlite3 libpq-dev libfmt-dev libspdlog-dev libcli11-dev libtomlplusplus-dev
       prometheus-cpp-dev libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev libhttp-parser-dev
       libp11-kit-dev liburing-dev python3 curl openssl ca-certificates)
rest=(clang-19 clang-tidy-19 clang-format-19 libclang-rt-19-dev postgresql pgbouncer haproxy wrk strace valgrind spin faketime softhsm2 opensc
      gdb chromium fonts-dejavu-core
      man-db python3-yaml systemd prometheus)  # pages, manifests, units, rules
# Commands that may well come from elsewhere than Debian (NodeSource, nginx.org): wanted only when the command is missing.
commands=(node:nodejs npm:npm nginx:nginx-light kubectl:kubernetes-client)

PATH=$PATH:/usr/sbin:/sbin

wanted() {
  printf '%s\n' "${build[@]}"
  if [[ $1 == all ]]; then
    printf '%s\n' "${rest[@]}"
    local pair
    for pair in "${commands[@]}"; do
      command -v "${pair%%:*}" >/dev/null || printf '%s\n' "${pair#*:}"
    done
  fi
}

missing() {  # reads names, prints those that dpkg does not have installed
  local names installed
  names=$(cat)
  # shellcheck disable=SC2086  # one name a word
  installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' $names 2>/dev/null | sed -n 's/^installed //p' || true)
  sort -u <<<"$names" | comm -23 - <(sort -u <<<"$installed")
}

as_root() {
  if [[ $(id -u) == 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "make deps: need root or sudo to install: $todo" >&2
    return 1
  fi
}

# The servers among the packages are there for tests, which start their own: apt is kept from starting them as services.
without_services='
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap "rm -f $policy" EXIT
  printf "#!/bin/sh\nexit 101\n" >$policy && chmod 755 $policy
fi
"$@"'

install_packages() {
  local apt=(env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
             apt-get -q -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3)
  as_root "${apt[@]}" update || echo "make deps: apt-get update had errors; going on with what it knows" >&2
  as_root sh -c "$without_services" deps "${apt[@]}" install --no-install-recommends "$@"
}

what=${1:-all}
if ! command -v dpkg-query >/dev/null; then
  echo "make deps: this is not a Debian system. Keyfob builds with these Debian 12 packages, or what your system calls them:" >&2
  wanted "$what" | xargs echo >&2
  echo "With all of them in place, set KEYFOB_SKIP_DEPS=1." >&2
  [[ ${KEYFOB_SKIP_DEPS:-} == 1 ]] && exit 0
  exit 1
fi
[[ ${KEYFOB_SKIP_DEPS:-} == 1 ]] && exit 0
todo=$(wanted "$what" | missing | xargs)
[[ -z $todo ]] && exit 0
echo "make deps: installing $todo"
# shellcheck disable=SC2086
install_packages $todo
left=$(wanted "$what" | missing | xargs)
[[ -z $left ]] || { echo "make deps: still missing after apt-get: $left" >&2; exit 1; }
