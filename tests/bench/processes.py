"""What processes cost, read from /proc: CPU time (10 ms steps), memory, and how busy everybody else kept the machine."""
import os
import time

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def cpu_s(pid, with_ended_children=False):
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    utime, stime, children_utime, children_stime = (int(fields[i]) for i in (11, 12, 13, 14))
    return (utime + stime + (children_utime + children_stime if with_ended_children else 0)) * TICK_S


def memory_mb(pid):
    """Resident memory now and its highest mark."""
    found = {}
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            key, _, value = line.partition(":")
            if key in ("VmRSS", "VmHWM"):
                found[key] = int(value.split()[0]) / 1024
    return found["VmRSS"], found["VmHWM"]


def children(pid):
    found = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/children") as file:
            found += [int(child) for child in file.read().split()]
    return found


def machine_s():
    """(all time, busy time, stolen time) of all processors."""
    with open("/proc/stat") as file:
        user, nice, system, idle, iowait, irq, softirq, steal = (int(f) * TICK_S for f in file.readline().split()[1:9])
    busy = user + nice + system + irq + softirq
    return busy + idle + iowait + steal, busy, steal


class Watch:
    """From start to stop(): the CPU time of the server under test, and which share of the machine went elsewhere.

    Not counted as elsewhere: the server, PostgreSQL with its backends, ourselves and the children we have waited for.
    """

    def __init__(self, server_pid, postmaster_pid):
        self._server, self._postmaster = server_pid, postmaster_pid
        self._before = self._read()

    def _read(self):
        database = cpu_s(self._postmaster, True)
        for backend in children(self._postmaster):
            try:
                database += cpu_s(backend)
            except OSError:
                pass  # it has just ended: the postmaster counts it
        return time.monotonic(), cpu_s(self._server), database, sum(os.times()[:4]), machine_s()

    def stop(self):
        wall, server, database, own, machine = self._read()
        wall0, server0, database0, own0, machine0 = self._before
        everything, busy, stolen = (now - then for now, then in zip(machine, machine0))
        known = (server - server0) + (database - database0) + (own - own0)
        share = lambda part: max(0.0, part / everything * 100) if everything > 0 else 0.0
        return {"wall_s": wall - wall0, "cpu_s": server - server0, "database_cpu_s": database - database0,
                "foreign": share(busy - known + stolen)}
