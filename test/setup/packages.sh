#!/usr/bin/env bash
# Installs the Debian packages that the real parts in the tests need. Asks apt only where something is missing.
set -euo pipefail
# What each is for: runc and the CNI plugins run Pods; debootstrap and buildah make images; nftables, iptables and conntrack are
# kube-proxy's; shellcheck is lint; nmap is the IDS test's scanner.
packages=(runc containernetworking-plugins debootstrap buildah shellcheck nftables iptables conntrack iproute2 util-linux socat
  busybox-static gcc libc6-dev curl ca-certificates procps openssl nmap)
missing=()
for p in "${packages[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -gt 0 ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "setup: these packages are missing: ${missing[*]}. As root: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  started=$SECONDS
  echo "· packages: ${missing[*]} …"
  log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log"
    echo "setup: apt-get failed; its last lines are above" >&2
    exit 1
  fi
  rm -f "$log"
  echo "✓ packages ($((SECONDS - started)) s)"
fi
if ! command -v go >/dev/null; then
  echo "setup: Go ≥ 1.26 is needed once, to build Kubernetes from its modules: it is not in PATH" >&2
  exit 1
fi
