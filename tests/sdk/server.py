"""The server under test, as a process of its own."""

import os
import subprocess
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("EVERSTREAM_BINARY", str(ROOT / "target" / "debug" / "everstream"))
START_SECONDS_MAX = 30
GREETING = "listening on "


class Server:
    """`everstream serve` in demo mode, on a free port and with a data directory that goes away with it."""

    def __enter__(self):
        self._data_dir = tempfile.TemporaryDirectory(prefix="everstream-sdk-")
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--data-dir", self._data_dir.name]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.url = self._address()
        return self

    def __exit__(self, *_):
        self._process.terminate()
        try:
            self._process.wait(timeout=START_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._data_dir.cleanup()

    def _address(self):
        """The address from the line that says that the server listens; a server that stays silent is killed."""
        watchdog = threading.Timer(START_SECONDS_MAX, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                if GREETING in line:
                    return line.split(GREETING, 1)[1].split()[0]
        finally:
            watchdog.cancel()
        raise RuntimeError(f"{BINARY} ended before it listened (status {self._process.wait()})")
