#!/usr/bin/env bash
# The first process of a node: prepares the private namespaces in which it was started, then lives to hold them and to reap orphans.
# Its end ends every process of the node, and with them its mounts, its network and its firewall rules.
#   node-init.sh NODE_FOLDER NODE_NAME
set -euo pipefail
folder=$1
hostname "$2"
# Pods' mounts must be seen by kubelet and containerd alike; nothing of it reaches the machine, whose tree is apart already.
mount --make-rshared /
# What container tools litter goes with the node.
for where in /run /var/log /var/lib; do mount -t tmpfs -o mode=755 tmpfs "$where"; done
mkdir -p /run/lock /run/netns
# kubelet wants three settings of the whole machine changed; it finds them as it likes them, and the real ones stay.
echo 1 >"$folder/overcommit_memory"
echo 1 >"$folder/panic_on_oops"
echo 10 >"$folder/panic"
mount --bind "$folder/overcommit_memory" /proc/sys/vm/overcommit_memory
mount --bind "$folder/panic_on_oops" /proc/sys/kernel/panic_on_oops
mount --bind "$folder/panic" /proc/sys/kernel/panic
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
: >"$folder/prepared"
trap 'exit 0' TERM
while :; do
  sleep 86400 &
  wait $! || true
done
