"""HTTP: wrk for rates with many connections, and a plain client for one call at a time."""
import http.client
import os
import re
import subprocess
import time

import processes
import servers

LOOKUP = "select * from bench.item where id = "
FIRST_ROWS = "select * from bench.item order by id limit {rows}"


class Workload:
    """A name, the rows an answer must have, and a Lua expression for the JSON of the arguments of the next call."""

    def __init__(self, label, rows, arguments):
        self.label, self.rows, self._arguments = label, rows, arguments

    def script(self):
        whole = servers.call_message(1, "@@").replace('{"sql":"@@"}', "@@")
        before, after = whole.split("@@")
        head = "\n".join(f'wrk.headers["{key}"] = "{value}"' for key, value in servers.headers().items())
        return f"""-- made by tests/bench/run
wrk.method = "POST"
{head}
local before, after = [==[{before}]==], [==[{after}]==]
local number = math.random(500000)
local function arguments() return {self._arguments} end
function request()
    number = number % 1000000 + 1
    return wrk.format(nil, nil, nil, before .. arguments() .. after)
end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration, summary.bytes,
        latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
"""


SELECT_1 = Workload("`SELECT 1`", 1, """'{"sql":"SELECT 1"}'""")
LOOKUP_PARAMETER = Workload("lookup by primary key, `$1`", 1,
                            f"""'{{"sql":"{LOOKUP}$1","params":[' .. number .. ']}}'""")
LOOKUP_LITERAL = Workload("lookup by primary key, each text different", 1,
                          f"""'{{"sql":"{LOOKUP}' .. number .. '"}}'""")
ROWS_1000 = Workload("1,000 rows", 1000, f"""'{{"sql":"{FIRST_ROWS.format(rows=1000)}"}}'""")


def run_wrk(folder, server, postmaster, workload, connections, seconds):
    script = os.path.join(folder, "load.lua")
    with open(script, "w") as file:
        file.write(workload.script())
    watch = processes.Watch(server.pid, postmaster)
    ran = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script,
                          f"http://127.0.0.1:{server.port}/mcp"], capture_output=True, text=True)
    cost = watch.stop()
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)$", ran.stdout, re.M)
    if not found:
        raise SystemExit(f"wrk failed: {ran.stdout}{ran.stderr}")
    calls, micros, size, p50, p99, errors = map(int, found.groups())
    if errors or not calls:
        raise SystemExit(f"{workload.label} with {connections} connections: {errors} errors in {calls} calls")
    return {"rate": calls / micros * 1e6, "cpu_us": cost["cpu_s"] / calls * 1e6, "p50_us": p50, "p99_us": p99,
            "database_cpu_us": cost["database_cpu_s"] / calls * 1e6, "bytes": size / calls, "foreign": cost["foreign"]}


class Client:
    def __init__(self, port):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def call(self, body, method="tools/call"):
        """Seconds to the last byte, bytes of the body, and its last 4,096 bytes: nothing bigger is kept."""
        begun = time.perf_counter()
        self._connection.request("POST", "/mcp", body, servers.headers(method))
        answer = self._connection.getresponse()
        size, tail, piece = 0, b"", memoryview(bytearray(1 << 18))
        while got := answer.readinto(piece):
            size += got
            tail = (tail + bytes(piece[max(0, got - 4096):got]))[-4096:]
        return time.perf_counter() - begun, size, tail
