#!/bin/busybox sh
# The init of the guest: one machine, one service on a veth and one on lo, the agent
# beside them. Prints "ok - …" or "not ok - …" and powers off.
/bin/busybox --install -s /bin
export PATH=/bin
# This busybox prefers its own applets to what stands in PATH; ours are iproute2's.
ip() { /bin/ip "$@"; }
tc() { /bin/tc "$@"; }
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mount -t tmpfs run /run
echo 1 >/proc/sys/kernel/printk

ok() { echo "ok - $*"; }
# With what the last command of ours said.
not_ok() {
  echo "not ok - $*"
  [ ! -s /tmp/out ] || tail -n 15 /tmp/out | sed 's/^/  /'
}
# verdict WHAT: by the status of the command before it.
verdict() { if [ $? -eq 0 ]; then ok "$1"; else not_ok "$1"; fi; }

get() { curl -sf --max-time 10 "$1"; }
api() { get "http://127.0.0.1:9900$1"; }

# wait_for SECONDS COMMAND…
wait_for() {
  local left=$1
  shift
  while ! "$@" >/dev/null 2>&1; do
    left=$((left - 1))
    [ $left -gt 0 ] || return 1
    sleep 1
  done
}

ours() {  # INTERFACE: filters of ours by name
  { tc filter show dev "$1" ingress; tc filter show dev "$1" egress; } | grep -c shadowtap
}
# A program that nothing holds is gone; the kernel lets go of it a moment later.
nothing_of_ours() { ! bpftool prog show | grep -q 'name shadowtap_'; }
captured() { api /api/v1/coverage | grep -o '"captured": *[0-9]*' | grep -o '[0-9]*$' | head -n 1; }
seen() { [ "$(captured)" -ge "$1" ] 2>/dev/null; }

while read -r module; do
  insmod "/modules/$module.ko" || not_ok "insmod $module"
done </modules/order
echo
echo "# $(uname -r)"

# A pod as network plugins make it: a namespace behind a veth with a host route, so that
# tap0 is a leaf, and the service inside.
ip link set lo up
ip link add tap0 type veth peer name eth0
unshare -n sleep 100000 &
pod=$!
sleep 1
ip link set eth0 netns $pod
ip addr add 10.9.0.1/32 dev tap0
ip link set tap0 up
ip route add 10.9.0.2/32 dev tap0
in_pod() { nsenter -t $pod -n "$@"; }
in_pod ip addr add 10.9.0.2/24 dev eth0
in_pod ip link set eth0 up
in_pod ip link set lo up
echo '{"id":1,"name":"one"}' >/www/one.json
in_pod httpd -p 8080 -h /www
httpd -p 127.0.0.1:8081 -h /www
wait_for 10 get http://10.9.0.2:8080/one.json
verdict 'the service answers'

shadowtap check >/tmp/out 2>&1
verdict 'shadowtap check: run would work here'
sed 's/^/  /' /tmp/out

# Somebody else's filter on the same interface must survive all that follows.
tc qdisc add dev tap0 clsact
tc filter add dev tap0 ingress prio 7 protocol all matchall action pass
others() { tc filter show dev tap0 ingress | grep -c 'matchall'; }

start_agent() {
  shadowtap run --port 8080 --interface tap0 --interface lo >/tmp/out 2>&1 </dev/null &
  agent=$!
  wait_for 60 api /readyz
}
requests() {
  local n
  for n in 1 2 3 4 5; do get "http://10.9.0.2:8080/one.json?$n" >/dev/null || return 1; done
}

start_agent
verdict 'the agent becomes ready'
mechanism=$(api /api/v1/status | grep -o '"mechanism": *"[a-z]*"' | sort -u | cut -d'"' -f4)
case $(uname -r) in 6.1.*) expected=clsact ;; *) expected=tcx ;; esac
[ "$mechanism" = $expected ]
verdict "attached by $expected"
requests && wait_for 20 seen 5
verdict 'five exchanges over a veth are captured'

kill -9 $agent
wait $agent 2>/dev/null
requests
verdict 'the service answers after kill -9'
left=$(ours tap0)
if [ "$mechanism" = clsact ]; then
  [ "$left" -ge 2 ]
  verdict 'clsact: the killed agent left its filters, as the kernel has it'
  start_agent
  [ "$(ours tap0)" -eq "$left" ]
  verdict 'a new start replaces them'
  kill -9 $agent
  wait $agent 2>/dev/null
  shadowtap detach --dry-run >/tmp/out 2>&1 && [ "$(ours tap0)" -eq "$left" ]
  verdict 'detach --dry-run names them and removes nothing'
  shadowtap detach >/tmp/out 2>&1
  verdict 'detach ends well'
fi
wait_for 10 nothing_of_ours
verdict 'nothing of ours is attached'
[ "$(others)" -ge 1 ]
verdict "another program's filter is still there"

start_agent
kill -TERM $agent
wait $agent
verdict 'SIGTERM ends with 0'
wait_for 10 nothing_of_ours && ! tc qdisc show dev lo | grep -q clsact
verdict 'a clean stop removes its filters and the qdisc it made'

# Without KVM everything takes its time; the verdicts are other tests' business.
shadowtap demo --for 10s >/tmp/out 2>&1 </dev/null
verdict 'shadowtap demo ends with 0'
grep -q 'GET /products/{id}.*price' /tmp/out
verdict 'the demo finds a planted difference'

# The tests of the kernel side that need another kernel than the host's: every header form
# through this verifier and JIT, and the kinds of interfaces that the host cannot make.
export SHADOWTAP_ALL_KINDS=1
in_tests() {  # PROGRAM FILTER WHAT
  "$1" --gtest_brief=1 --gtest_filter="$2" >/tmp/out 2>&1
  verdict "$3 ($(grep -o '[0-9]* tests\? from' /tmp/out | head -n 1) $1)"
}
in_tests bpf_program_test 'Parser.*:*FlowTable.*Skip*/1:*FlowTable.*Hole*/1:*Copies.*/1:FastOpen.*' \
  'every header form, loss and verdicts'
in_tests bpf_live_test 'InterfaceKinds.*' 'an exchange over every kind of interface is seen once'
in_tests bpf_live_test '*FlowShapes.AreSeenOnceOrNever/tcx' 'the ten flow shapes of a node'

ok 'all done'
poweroff -f
