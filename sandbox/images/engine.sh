#!/bin/sh
# A Docker engine that answers: `engine.sh [PIDFILE]` makes sure of it, `engine.sh stop PIDFILE` stops what it started.
# An engine that already answers is used as it is. On Debian or Ubuntu as root, what is missing is installed and dockerd
# runs in the background; its pid goes to PIDFILE and its output to /var/log/opencook-dockerd.log.
set -eu

log=/var/log/opencook-dockerd.log

say() { echo "engine: $*" >&2; }

answers() { docker info >/dev/null 2>&1; }

if [ "${1:-}" = stop ]; then
    pidfile=${2:?usage: engine.sh stop PIDFILE}
    [ -f "$pidfile" ] || exit 0
    pid=$(cat "$pidfile")
    # The pid may have been given to another process since.
    if [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = dockerd ]; then
        kill "$pid"
        for _ in $(seq 60); do
            [ -d "/proc/$pid" ] || break
            sleep 0.5
        done
    fi
    rm -f "$pidfile"
    exit 0
fi

if answers; then exit 0; fi

if [ -n "${DOCKER_HOST:-}" ]; then
    say "nothing answers at DOCKER_HOST=$DOCKER_HOST; start that engine or unset DOCKER_HOST"
    exit 1
fi
if [ "$(uname -s)" != Linux ] || ! command -v apt-get >/dev/null 2>&1; then
    say "no Docker engine answers; install and start Docker (https://docs.docker.com/engine/install/)"
    exit 1
fi
if [ "$(id -u)" != 0 ]; then
    say "no Docker engine answers; run this as root, or: sudo apt-get install docker.io debootstrap iptables"
    exit 1
fi

missing=
command -v dockerd >/dev/null 2>&1 && command -v docker >/dev/null 2>&1 || missing="$missing docker.io"
command -v debootstrap >/dev/null 2>&1 || missing="$missing debootstrap"
command -v iptables >/dev/null 2>&1 || missing="$missing iptables"
if [ -n "$missing" ]; then
    say "installing$missing"
    apt-get update >"$log" 2>&1 || { say "apt-get update failed; see $log"; exit 1; }
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing >>"$log" 2>&1 ||
        { say "apt-get install$missing failed; see $log"; exit 1; }
fi

if [ -d /run/systemd/system ]; then
    say "starting docker.service"
    systemctl start docker >>"$log" 2>&1 || { say "systemctl start docker failed; see journalctl -u docker"; exit 1; }
fi
if answers; then exit 0; fi

# A dockerd that was killed leaves pid files behind, and refuses to start while another process has such a number.
for file in /var/run/docker.pid /var/run/docker/containerd/containerd.pid; do
    [ -f "$file" ] || continue
    case "$(cat "/proc/$(cat "$file")/comm" 2>/dev/null)" in dockerd | containerd) ;; *) rm -f "$file" ;; esac
done

say "starting dockerd"
setsid dockerd >>"$log" 2>&1 </dev/null &
pid=$!
[ -n "${1:-}" ] && echo "$pid" >"$1"
for _ in $(seq 120); do
    if answers; then exit 0; fi
    [ -d "/proc/$pid" ] || break
    sleep 0.5
done
say "dockerd does not answer; see $log ($(tail -n 1 "$log"))"
exit 1
