"""The Python client of Durable Streams, as an application has it, in live sessions against the server."""

import itertools
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from durable_streams import DurableStream, SeqConflictError, stream

JSON = "application/json"


def make(server, path, content_type=JSON):
    return DurableStream.create(f"{server.url}/v1/stream/python/{path}", content_type=content_type)


def follow(url, live, count, offset="-1"):
    """The first `count` items of a live session; closed streams end an SSE session and not a long-poll one."""
    with stream(url, live=live, offset=offset) as session:
        return list(itertools.islice(session.iter_json(), count))


@pytest.mark.parametrize("live", ["sse", "long-poll"])
def test_what_is_appended_arrives_in_order_while_it_is_appended(server, live):
    with make(server, live) as handle, ThreadPoolExecutor() as pool:
        following = pool.submit(follow, handle.url, live, 50)
        for n in range(50):
            handle.append({"n": n, "big": 12345678901234567890}, seq=f"{n:04}")
        wanted = [{"n": n, "big": 12345678901234567890} for n in range(50)]
        assert following.result(timeout=30) == wanted


def test_an_sse_session_ends_with_its_stream(server):
    with make(server, "closed") as handle, ThreadPoolExecutor() as pool:
        following = pool.submit(follow, handle.url, "sse", None)
        for n in [1, 2, 3]:
            handle.append(n)
        close(handle.url)
        assert following.result(timeout=30) == [1, 2, 3]


def close(url):
    """This version of the client has no close of its own."""
    assert httpx.post(url, headers={"Stream-Closed": "true"}).status_code == 204


@pytest.mark.parametrize("live", ["sse", "long-poll"])
def test_a_session_goes_on_from_an_offset_that_another_one_saved(server, live):
    with make(server, f"saved-{live}") as handle:
        saved = [handle.append(n).next_offset for n in range(5)]
        assert follow(handle.url, live, 2, offset=saved[2]) == [3, 4]


def test_text_arrives_as_it_was_appended(server):
    parts = [" leading", "\n two\n\n", "event: control\ndata: {}\n\n", ": no comment", "日"]
    with make(server, "text", "text/plain") as handle, ThreadPoolExecutor() as pool:

        def read():
            with stream(handle.url, live="sse", offset="-1") as session:
                return "".join(session.iter_text())

        following = pool.submit(read)
        for part in parts:
            handle.append(part)
        close(handle.url)
        assert following.result(timeout=30) == "".join(parts)


def test_a_seq_that_does_not_grow_is_refused(server):
    with make(server, "seq") as handle:
        handle.append(1, seq="b")
        with pytest.raises(SeqConflictError):
            handle.append(2, seq="a")
        with stream(handle.url, live=False) as session:
            assert session.read_json() == [1]
