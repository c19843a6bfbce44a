#!/usr/bin/env python3
"""Nagios plugin: does a service of systemd run? Written by the etcd charm.

Usage: check_etcd-service.py SERVICE
"""

import subprocess
import sys

OK, CRITICAL, UNKNOWN = 0, 2, 3
PATIENCE = 8  # seconds; Nagios gives a check 10


def check(service):
    command = ["systemctl", "show", "--property=LoadState,ActiveState,SubState", service]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        return UNKNOWN, "cannot ask systemd for %s: %s" % (service, fault)
    states = dict(line.split("=", 1) for line in done.stdout.decode(errors="replace").splitlines() if "=" in line)
    if done.returncode != 0 or "ActiveState" not in states:
        words = " ".join(done.stderr.decode(errors="replace").split())
        return UNKNOWN, "cannot ask systemd for %s: %s" % (service, words or "no answer")
    if states.get("LoadState") != "loaded":
        return CRITICAL, "there is no service %s" % service
    if states["ActiveState"] == "active" and states.get("SubState") == "running":
        return OK, "%s is running" % service
    return CRITICAL, "%s is %s (%s)" % (service, states["ActiveState"], states.get("SubState"))


def main():
    if len(sys.argv) != 2:
        state, text = UNKNOWN, "usage: check_etcd-service.py SERVICE"
    else:
        state, text = check(sys.argv[1])
    print({OK: "OK", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}[state] + ": " + text)
    return state


if __name__ == "__main__":
    sys.exit(main())
