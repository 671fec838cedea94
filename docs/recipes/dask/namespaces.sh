#!/bin/bash
# A Dask scheduler and two workers on one machine, each in its own network namespace, as on three machines that share a
# file system. Compares the bytes of `extract` there with those of two local processes. Needs root, `ip` and the extra
# `dask`. Usage: namespaces.sh [FOLDER]
set -euo pipefail

folder=$(realpath "${1:-$(mktemp -d)}")
bridge=pdmr-bridge
network=10.213.86
names=(pdmr-scheduler pdmr-worker1 pdmr-worker2)
pids=()

clean() {
  # Asked to end, a worker would first wait for its scheduler.
  for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for name in "${names[@]}"; do ip netns delete "$name" 2>/dev/null || true; done
  ip link delete "$bridge" 2>/dev/null || true
}
trap clean EXIT

ip link add "$bridge" type bridge
ip address add "$network.1/24" dev "$bridge"
ip link set "$bridge" up
for k in 0 1 2; do
  ip netns add "${names[$k]}"
  ip link add "pdmr-veth$k" type veth peer name eth0 netns "${names[$k]}"
  ip link set "pdmr-veth$k" master "$bridge" up
  ip -n "${names[$k]}" address add "$network.$((k + 10))/24" dev eth0
  ip -n "${names[$k]}" link set eth0 up
  ip -n "${names[$k]}" link set lo up
done

cd "$folder"
scheduler=tcp://$network.10:8786
ip netns exec "${names[0]}" dask scheduler --host "$network.10" --port 8786 --no-dashboard 2>scheduler.log &
pids+=($!)
for k in 1 2; do
  ip netns exec "${names[$k]}" dask worker "$scheduler" --host "$network.$((k + 10))" --nthreads 1 --no-nanny \
    --no-dashboard --local-directory "$folder/scratch" 2>"worker$k.log" &
  pids+=($!)
done
deadline=$((SECONDS + 120))
until [ "$(cat worker?.log | grep -c "Registered to")" = 2 ]; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    tail -n 20 scheduler.log worker?.log >&2
    echo "the workers have not joined within 120 s" >&2
    exit 1
  fi
  sleep 0.2
done

[ -d set ] || pdmr-classic synth set --subjects 12 --segments 2
pdmr-classic extract set/train --no-cache --out dask.parquet --backend dask --scheduler "$scheduler"
pdmr-classic extract set/train --no-cache --out local.parquet --jobs 2
cmp dask.parquet local.parquet && echo "the same bytes from two namespaces and from two processes"
