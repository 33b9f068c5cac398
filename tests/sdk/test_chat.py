"""Chat completions by the official SDK through the demo mount: what an application sees after changing `base_url`."""

import json
import urllib.request

import openai
import pytest
from openai import APIError, AsyncOpenAI

MODEL = "demo"
MESSAGES = [{"role": "user", "content": "Why do streams break?"}]
FAST = {"rate": "1000"}  # tokens a second, of the demo's upstream


def ask(client, **options):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, extra_query=FAST, **options)


def text_of(chunks):
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def data_lines(body):
    return [line.removeprefix("data: ") for line in body.splitlines() if line.startswith("data: ")]


def get(url, **headers):
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as response:
        return response.read().decode()


def test_a_streamed_answer_is_the_answer(client):
    chunks = list(ask(client, stream=True))
    assert len(chunks) > 10
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert text_of(chunks) == ask(client).choices[0].message.content


def test_an_answer_that_is_not_streamed_passes_through(client):
    completion = ask(client)
    assert completion.object == "chat.completion"
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.total_tokens > 0


def test_usage_comes_as_the_last_chunk_when_it_is_asked_for(client):
    *chunks, last = ask(client, stream=True, stream_options={"include_usage": True})
    assert last.choices == []
    assert last.usage.completion_tokens > 0
    assert all(chunk.usage is None for chunk in chunks)


def test_the_asynchronous_client_sees_the_same(server, client):
    import asyncio

    async def answer():
        url = f"{server.url}/demo/v1"
        async with AsyncOpenAI(base_url=url, api_key="unused", max_retries=0, timeout=30) as asynchronous:
            stream = await ask(asynchronous, stream=True)
            return text_of([chunk async for chunk in stream])

    assert asyncio.run(answer()) == text_of(ask(client, stream=True))


def test_a_viewer_finds_the_same_events_at_the_content_location(server, client):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, extra_query=FAST, stream=True
    )
    location = raw.headers["content-location"]
    assert location.startswith("/v1/stream/asks/")
    asked = [chunk.id + text_of([chunk]) for chunk in raw.parse()]

    replayed = data_lines(get(server.url + location, Accept="text/event-stream"))
    *events, done, close = [line for line in replayed if line]
    assert done == "[DONE]"
    assert json.loads(close)["reason"] == "completed"
    chunks = [json.loads(event) for event in events]
    assert [chunk["id"] + chunk["choices"][0]["delta"].get("content", "") for chunk in chunks] == asked


def test_ids_are_in_every_event_and_do_not_disturb_the_sdk(client):
    with client.chat.completions.with_streaming_response.create(
        model=MODEL, messages=MESSAGES, extra_query=FAST, stream=True
    ) as response:
        blocks = response.read().decode().strip("\n").split("\n\n")
    assert len(blocks) > 10
    assert all(block.count("id: ") == 1 for block in blocks), blocks[0]
    # The very same bytes were read by the SDK's own decoder in the tests above.


def test_the_same_idempotency_key_is_one_answer(client):
    def once():
        raw = client.chat.completions.with_raw_response.create(
            model=MODEL, messages=MESSAGES, extra_query=FAST, stream=True, extra_headers={"Idempotency-Key": "sdk-1"}
        )
        return raw.headers["content-location"], text_of(raw.parse())

    assert once() == once()


def test_an_upstream_error_raises_the_error_of_its_status(client):
    with pytest.raises(openai.BadRequestError) as raised:
        client.chat.completions.create(model=MODEL, messages=[], stream=True)
    assert raised.value.status_code == 400
    assert raised.value.body["message"]


def test_an_unknown_route_raises_not_found(client):
    with pytest.raises(openai.NotFoundError):
        client.post("/nothing-here", cast_to=object, body={})


def test_a_stopped_answer_does_not_look_complete(server, client):
    raw = client.chat.completions.with_raw_response.create(
        model=MODEL, messages=MESSAGES, extra_query={"rate": "20"}, stream=True
    )
    chunks = raw.parse()
    assert next(chunks).choices[0].finish_reason is None
    stop = urllib.request.Request(server.url + raw.headers["content-location"] + "?action=stop", method="POST")
    with urllib.request.urlopen(stop, timeout=30) as stopped:
        assert stopped.status == 202
    with pytest.raises(APIError) as error:
        assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
    assert error.value.code == "stopped"
