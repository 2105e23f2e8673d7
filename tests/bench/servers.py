"""Starts the servers alike: the ceiling and Howdah, over HTTP or stdio, on the same unix socket of PostgreSQL.

ceiling: ceiling.cpp with a database; fixed: the same without; howdah: the core plugins; any other name of MORE: and those.
"""
import json
import os
import re
import signal
import socket
import subprocess
import time

import processes

REVISION = "2026-07-28"
LEGACY_REVISION = "2025-11-25"
THREADS = min(os.cpu_count() or 1, 4)
CONNECTIONS_A_THREAD = 4

# Defaults everywhere but where a figure needs more: `lifted` lets 1,000,000 rows through.
CONFIG = """howdah: 1
transports:
  {transport}
databases:
  main: {{dsn: "{dsn}"}}
plugins:
  - pool{pool}
  - guard
  - query{query}
  - schema
{more}limits: {{request_timeout_ms: 600000}}
log: {{level: warn, file: "{log}"}}
control: {{enabled: false}}
state_dir: "{state}"
"""
# Plugins beside the core's four, by themselves and together. Where it says so the cache may not answer, so that each call goes
# all the way. `control` is `howdah` once more: what two equal servers differ by is what a figure of one can be wrong by.
FEATURES = {
    "health": "  - health: {interval_s: 86400}\n",
    "analytics": "  - analytics\n",
    "rate_limit": "  - rate_limit: {tiers: {default: {principal: {calls: {second: 1000000}}, tenant: {calls: {second: 1000000}}}}}\n",
    "multi_tenant": "  - multi_tenant: {model: shared, default: t1}\n",
    "optimizer": "  - optimizer\n",
    "cache, not answering": "  - cache: {databases_off: [main]}\n",
}
FIVE = "".join(text for name, text in FEATURES.items() if not name.startswith("cache"))
MORE = {"howdah": "", "control": "", **FEATURES, "all six, cache not answering": FIVE + FEATURES["cache, not answering"],
        "cache": "  - cache\n", "all six": FIVE + "  - cache\n"}

LIFTED_POOL = ": {rows_max: 1000000, bytes_max: 4294967296, statement_timeout_ms: 600000}"
LIFTED_QUERY = ": {rows_max: 1000000, rows_limit: 1000000, timeout_ms: 600000}"


def call_message(number, sql, params=None, max_rows=None, stateless=True, **extra):
    """A tools/call of `query`; both servers get the same text. The ceiling reads sql and params and skips the rest."""
    arguments = {"sql": sql}
    if params is not None:
        arguments["params"] = params
    if max_rows is not None:
        arguments["max_rows"] = max_rows
    return message(number, "tools/call", {"name": "query", "arguments": arguments}, stateless)


def message(number, method, params, stateless=True):
    if stateless:
        params = dict(params, _meta={
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientInfo": {"name": "howdah-bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {}})
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}, separators=(",", ":"))


def headers(method="tools/call"):
    found = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
             "MCP-Protocol-Version": REVISION, "Mcp-Method": method}
    return dict(found, **{"Mcp-Name": "query"}) if method == "tools/call" else found


def good_answer(name, rows):
    """What stands near the end of an answer with so many rows, and in no error: also those come with HTTP status 200."""
    if name in ("ceiling", "fixed"):
        return f'row_count\\":{rows}}}"}}],"isError":false'
    return f'row_count":{rows},"truncated":false'  # an answer of the cache says more behind it


def rows_in(answer_tail):
    """How many rows an answer says it has; an answer is an error or cut off where this is not what was asked for."""
    found = re.search(rb'row_count\\*":\s*(\d+)', answer_tail)
    return int(found[1]) if found else None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Servers:
    """Command lines of the servers, and the folder with their configuration and logs."""

    def __init__(self, build, folder, dsn):
        self._build, self._folder, self._dsn = build, folder, dsn

    def stdio_command(self, name, dsn=None, lifted=False):
        if name == "ceiling":
            return [f"{self._build}/tests/bench/ceiling", "--stdio"]
        return self._howdah(name, "stdio", "stdio: {}", dsn or self._dsn, lifted)

    def start_http(self, name, lifted=False, dsn=None):
        port = free_port()
        if name in ("ceiling", "fixed"):
            connections = CONNECTIONS_A_THREAD if name == "ceiling" else 0
            command = [f"{self._build}/tests/bench/ceiling", str(port), str(THREADS), str(connections)]
        else:
            listen = f"http: {{listen: 127.0.0.1:{port}, auth: none}}"
            command = self._howdah(name, "http", listen, dsn or self._dsn, lifted)
        return HttpServer(name, command, port)

    def _howdah(self, variant, transport, transport_line, dsn, lifted):
        name = f"{self._folder}/{variant.replace(', ', '-').replace(' ', '-')}-{transport}{'-lifted' if lifted else ''}{'' if dsn == self._dsn else '-down'}"
        with open(f"{name}.yaml", "w") as file:
            file.write(CONFIG.format(transport=transport_line, dsn=dsn, log=f"{name}.log", state=f"{name}-state", more=MORE[variant],
                                     pool=LIFTED_POOL if lifted else ": {rows_max: 100000, bytes_max: 268435456}",
                                     query=LIFTED_QUERY if lifted else ""))
        return [f"{self._build}/howdah", "serve", "-c", f"{name}.yaml"]


class HttpServer:
    def __init__(self, name, command, port):
        self.name, self.port = name, port
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.pid = self._process.pid
        give_up = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > give_up:
                    raise SystemExit(f"{command[0]} does not listen on port {port}")
                time.sleep(0.005)

    def memory_mb(self):
        return processes.memory_mb(self.pid)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
