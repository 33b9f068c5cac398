"""The README's commands do what it says."""

import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

from server import ROOT, Server

README_URL = "http://127.0.0.1:8000"
CURL = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("curl ")]


def run(line, url):
    command = shlex.split(line.replace(README_URL, url)) + ["--silent", "--show-error", "--fail", "--max-time", "60"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_the_three_curl_lines_ask_watch_and_stop():
    ask, watch, stop = CURL
    with Server() as server, ThreadPoolExecutor() as pool:
        asked = pool.submit(run, ask + " --include", server.url)
        head = re.search(r"(?i)^content-location: (\S+)", asked.result(), re.MULTILINE)
        assert head and head[1] == "/v1/stream/chat/1"
        answer = [line for line in asked.result().splitlines() if line.startswith("data: {")]
        watched = run(watch, server.url)
        assert [line for line in watched.splitlines() if line.startswith("data: {")][: len(answer)] == answer
        assert '"reason":"completed"' in watched.replace('": "', '":"')
        assert '"state"' in run(stop, server.url)
