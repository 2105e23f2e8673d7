"""A client over stdio: starts a server as its child, speaks revision 2025-11-25 as today's clients do, takes times."""
import os
import subprocess
import time

import processes
import servers


class StdioClient:
    def __init__(self, command):
        self.begun = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self.pid = self._process.pid
        self._number = 0

    def request(self, text):
        """Seconds from writing to the newline, bytes, and the last 4,096 bytes: nothing bigger is kept."""
        begun = time.perf_counter()
        self._process.stdin.write(text.encode() + b"\n")
        size, tail, out = 0, b"", self._process.stdout.fileno()
        while not tail.endswith(b"\n"):
            piece = os.read(out, 1 << 18)
            if not piece:
                raise SystemExit(f"{self._process.args[0]} ended while it was asked: {text[:200]}")
            size += len(piece)
            tail = (tail + piece[-4096:])[-4096:]
        return time.perf_counter() - begun, size, tail

    def initialize(self):
        params = {"protocolVersion": servers.LEGACY_REVISION, "capabilities": {},
                  "clientInfo": {"name": "howdah-bench", "version": "1"}}
        taken = self.request(servers.message(self._next(), "initialize", params, stateless=False))
        if b'"result"' not in taken[2]:
            raise SystemExit(f"initialize was refused: {taken[2]!r}")
        self._process.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        return taken[0]

    def call(self, sql, rows, **arguments):
        taken = self.request(servers.call_message(self._next(), sql, stateless=False, **arguments))
        if servers.rows_in(taken[2]) != rows:
            raise SystemExit(f"{self._process.args[0]}: {rows} rows were asked for: ...{taken[2][-600:]!r}")
        return taken

    def _next(self):
        self._number += 1
        return self._number

    def memory_mb(self):
        return processes.memory_mb(self.pid)

    def stop(self):
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
