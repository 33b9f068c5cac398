import pytest
from openai import OpenAI
from server import Server


@pytest.fixture(scope="session")
def server():
    with Server() as running:
        yield running


@pytest.fixture
def client(server):
    """The official SDK as an application has it; only `base_url` differs. It retries nothing, so a fault shows."""
    with OpenAI(base_url=f"{server.url}/demo/v1", api_key="unused", max_retries=0, timeout=30) as client:
        yield client
