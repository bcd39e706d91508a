"""Large JSON, parsed in a process of its own: the standard library's parser holds the interpreter until it is done."""

from __future__ import annotations

import subprocess
import sys
from threading import Lock

from platform_otel.collector.otlp_decoding import Malformed
from platform_otel.collector.store import Refused

_MAIN = "from platform_otel.collector.otlp_json import main; main()"


class JsonProcesses:
    """Does what otlp_json does, elsewhere."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def to_protobuf(self, signal: str, body: bytes) -> bytes:
        """The same request in protobuf's own encoding.

        Raises:
            Malformed
            Refused: it was stopped.
        """
        process = self._start(signal)
        try:
            encoded, said = process.communicate(body)
        finally:
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Refused("the collector stops")
        if process.returncode:
            raise Malformed(said.decode(errors="replace").strip() or "it could not be read")
        return encoded

    def stop(self) -> None:
        """End those that run."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                process.kill()

    def _start(self, signal: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen(_command(signal), stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)
        with self._lock:
            self._running.add(process)
            if self._stopped:
                process.kill()
        return process


def _command(signal: str) -> list[str]:
    """It imports from where this process does: Python's -m and -c begin with the current folder, whosever that is."""
    return [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}; {_MAIN}", signal]
