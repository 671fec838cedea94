#!/bin/bash
# Runs a command on a SLURM cluster of one node, which is this machine, and stops the cluster at the end.
# Usage: one_node_slurm.sh FOLDER COMMAND [ARGUMENT...]
# FOLDER (new, with a short path) gets configuration, logs and state. Needs the Debian packages slurm-wlm and munge.
# Daemons run as the current user and listen on free ports; nothing outside FOLDER is changed.
# Exits with 77 if the cluster does not start: many containers forbid what its daemons need.
set -eu
folder=$1
shift
mkdir -m 700 "$folder"
folder=$(cd "$folder" && pwd)
mkdir "$folder/state" "$folder/spool"
host=$(hostname -s)
user=$(id -un)
pids=()

stop() {
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
}
trap stop EXIT
trap 'exit 1' INT TERM

free_ports=$(python3 - <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
)
read -r controller_port node_port <<<"$free_ports"

dd if=/dev/urandom of="$folder/munge.key" bs=128 count=1 status=none
chmod 400 "$folder/munge.key"
munged --foreground --force --key-file="$folder/munge.key" --socket="$folder/munge" --num-threads=1 \
    --pid-file="$folder/munged.pid" --log-file="$folder/munged.log" --seed-file="$folder/munge.seed" >"$folder/munged.out" 2>&1 &
pids+=($!)

cat >"$folder/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$folder/munge
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SwitchType=switch/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 RealMemory=8000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$folder/slurm.conf

wait_until() {
    for _ in $(seq 600); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "timeout: $*" >&2
    tail -n 20 "$folder"/*.out >&2
    exit 77
}
node_is_idle() { sinfo --noheader --format=%T | grep -q '^idle$'; }

wait_until test -S "$folder/munge"
slurmctld -D -i >"$folder/slurmctld.out" 2>&1 &
pids+=($!)
wait_until scontrol ping
slurmd -D >"$folder/slurmd.out" 2>&1 &
pids+=($!)
wait_until node_is_idle
"$@"
