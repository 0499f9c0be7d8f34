#!/usr/bin/env bash
# The program itself: its first line, the way from consent to a call that docs/simulator.md shows, its exit codes.
set -euo pipefail
sim=$1
work=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$work"' EXIT

fail() { echo "smoke: $*" >&2; exit 1; }

"$sim" --help | grep -q drop_after_rotation || fail "--help does not teach faults"
code=0; "$sim" --rotation sideways >/dev/null 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "a wrong option ends with $code"
code=0; "$sim" --listen nowhere >/dev/null 2>&1 || code=$?
[ "$code" -eq 2 ] || fail "a wrong address ends with $code"

"$sim" --listen 127.0.0.1:0 --clock manual >"$work/sim.log" 2>"$work/sim.err" & pid=$!
for _ in $(seq 100); do grep -q listening "$work/sim.log" && break; sleep 0.05; done
read -r line <"$work/sim.log"
[[ $line =~ ^"smartcar-sim listening on http://127.0.0.1:"[0-9]+$ ]] || fail "first line is: $line"
url=${line##* }

field() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
location=$(curl -s -o /dev/null -w '%{redirect_url}' \
  "$url/oauth/authorize?response_type=code&client_id=my-app&redirect_uri=http://localhost/cb&state=s1")
[[ $location == http://localhost/cb?code=*"&state=s1" ]] || fail "consent led to: $location"
consent_code=${location#*code=}
pair=$(curl -s -u my-app:my-secret -d "grant_type=authorization_code&redirect_uri=http://localhost/cb" \
  -d "code=${consent_code%%&*}" "$url/oauth/token")
vehicle=$(curl -s -H "Authorization: Bearer $(field access_token <<<"$pair")" "$url/v2.0/vehicles" |
  sed 's/.*\["\([^"]*\)".*/\1/')
curl -s -H "Authorization: Bearer $(field access_token <<<"$pair")" "$url/v2.0/vehicles/$vehicle/odometer" |
  grep -q '"distance":' || fail "no odometer"
curl -s -d '{"kind":"drop_after_rotation"}' "$url/_sim/fault" >/dev/null
refresh="grant_type=refresh_token&refresh_token=$(field refresh_token <<<"$pair")"
curl -s -u my-app:my-secret -d "$refresh" "$url/oauth/token" && fail "the answer was not dropped"
curl -s -u my-app:my-secret -d "$refresh" "$url/oauth/token" | grep -q '"refresh_token"' || fail "no recovery"
curl -s "$url/_sim/stats" | grep -q '"rotations":1,"late_uses":0' || fail "not exactly one rotation"

kill -TERM "$pid"
code=0; wait "$pid" || code=$?
[ "$code" -eq 0 ] || fail "SIGTERM ends it with $code"
[ ! -s "$work/sim.err" ] || fail "it wrote to stderr: $(cat "$work/sim.err")"
echo "smoke: ok"
