#!/usr/bin/env python3
"""Nagios plugin: are alarms of etcd active?

Reads the list of alarms that a job of cron writes each minute, so it needs neither etcd's keys nor root. Written by the etcd charm.

Usage: check_etcd-alarms.py LIST
"""

import sys
import time

OK, CRITICAL, UNKNOWN = 0, 2, 3
OLDEST = 300  # seconds after which the list tells nothing


def check(path, now):
    try:
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file if line.strip()]
    except OSError as fault:
        return UNKNOWN, "cannot read the list of alarms: %s" % fault
    words = lines[0].split() if lines else []
    if len(words) < 2 or words[0] != "checked" or not words[1].isdigit():
        return UNKNOWN, "cannot read the list of alarms: %s does not begin with the time of its check" % path
    age = now - int(words[1])
    if abs(age) > OLDEST:
        return UNKNOWN, "the list of alarms is from %d s %s: does cron run?" % (abs(age), "ago" if age > 0 else "ahead")
    faults = [line[len("error "):] for line in lines[1:] if line.startswith("error ")]
    if faults:
        return UNKNOWN, "cannot ask etcd for alarms: " + "; ".join(faults)
    alarms = [line[len("alarm "):] for line in lines[1:] if line.startswith("alarm ")]
    if alarms:
        return CRITICAL, "active alarms: " + ", ".join(alarms)
    if len(lines) > 1:
        return UNKNOWN, "cannot read the list of alarms: %r" % lines[1]
    return OK, "no active alarms"


def main():
    if len(sys.argv) != 2:
        state, text = UNKNOWN, "usage: check_etcd-alarms.py LIST"
    else:
        state, text = check(sys.argv[1], time.time())
    print({OK: "OK", CRITICAL: "CRITICAL", UNKNOWN: "UNKNOWN"}[state] + ": " + text)
    return state


if __name__ == "__main__":
    sys.exit(main())
