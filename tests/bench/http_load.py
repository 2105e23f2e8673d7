"""HTTP: wrk for rates with many connections, and a plain client for one call at a time."""
import http.client
import os
import re
import subprocess
import time

import processes
import servers

LOOKUP = "select * from bench.item where id = "
ANSWER_END = 300  # bytes: where an answer is looked into
FIRST_ROWS = "select * from bench.item order by id limit {rows}"


# An error also comes with HTTP status 200, so that wrk has to look into the answers. That costs about 1 us of its time for
# a short answer, for either server. A long one would cost hundreds, the longer the more; there bytes are counted instead.
LOOK = """wrong, an_answer = 0, ""
local find = string.find
function response(_, _, body)
    if not find(body, [==[{good_answer}]==], -{answer_end}, true) then wrong, an_answer = wrong + 1, body end
end"""
DO_NOT_LOOK = 'wrong, an_answer = 0, ""'


class Workload:
    """A name, the rows an answer must have, and a Lua expression for the JSON of the arguments of the next call.

    `sql`: every call is this one, and its answer is long.
    """

    def __init__(self, label, rows, arguments, sql=None):
        self.label, self.rows, self._arguments, self.sql = label, rows, arguments, sql

    def script(self, good_answer):
        look = DO_NOT_LOOK if self.sql else LOOK.format(good_answer=good_answer, answer_end=ANSWER_END)
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
{look}
local thread
function setup(of_load) thread = of_load end
function done(summary, latency)
    local e = summary.errors
    io.write(string.format("RESULT %d %d %d %d %d %d %d\\n", summary.requests, summary.duration, summary.bytes,
        latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout,
        thread:get("wrong")))
    io.write("ANSWER ", thread:get("an_answer"):sub(-1000), "\\n")
end
"""


SELECT_1 = Workload("`SELECT 1`", 1, """'{"sql":"SELECT 1"}'""")
LOOKUP_PARAMETER = Workload("lookup by primary key, `$1`", 1,
                            f"""'{{"sql":"{LOOKUP}$1","params":[' .. number .. ']}}'""")
LOOKUP_LITERAL = Workload("lookup by primary key, each text different", 1,
                          f"""'{{"sql":"{LOOKUP}' .. number .. '"}}'""")
ROWS_1000 = Workload("1,000 rows", 1000, f"""'{{"sql":"{FIRST_ROWS.format(rows=1000)}"}}'""", FIRST_ROWS.format(rows=1000))


def bytes_of_answer(server, workload, good_answer):
    """What the body of each answer has; 0 where wrk looks into them."""
    if workload.sql is None:
        return 0
    _, size, tail = Client(server.port).call(servers.call_message(1, workload.sql))
    if good_answer.encode() not in tail[-ANSWER_END:]:
        raise SystemExit(f"{server.name}, {workload.label}: the answer ends with {tail[-1000:]!r}")
    return size


def run_wrk(folder, server, postmaster, workload, connections, seconds):
    script = os.path.join(folder, "load.lua")
    good_answer = servers.good_answer(server.name, workload.rows)
    answer_bytes = bytes_of_answer(server, workload, good_answer)
    with open(script, "w") as file:
        file.write(workload.script(good_answer))
    watch = processes.Watch(server.pid, postmaster)
    ran = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", script,
                          f"http://127.0.0.1:{server.port}/mcp"], capture_output=True, text=True)
    cost = watch.stop()
    found = re.search(r"^RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)\nANSWER (.*)$", ran.stdout, re.M)
    if not found:
        raise SystemExit(f"wrk failed: {ran.stdout}{ran.stderr}")
    calls, micros, size, p50, p99, errors, wrong = map(int, found.groups()[:7])
    if errors or wrong or not calls:
        raise SystemExit(f"{server.name}, {workload.label} with {connections} connections: {errors} errors and {wrong} wrong "
                         f"answers in {calls} calls; one of them ends with: {found[8]}")
    # What arrived of calls that were under way at the end can hide as many wrong answers as there are connections.
    if size < calls * answer_bytes:
        raise SystemExit(f"{server.name}, {workload.label} with {connections} connections: {calls} answers have {size} bytes, a "
                         f"good one has {answer_bytes}")
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
