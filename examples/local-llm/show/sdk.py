"""sdk.py BASE_URL MODEL PROMPT: the official SDK as an application uses it; prints the streamed answer."""

import sys

from openai import OpenAI

base_url, model, prompt = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key="unused", max_retries=0)
messages = [{"role": "user", "content": prompt}]
for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
    print(chunk.choices[0].delta.content or "", end="", flush=True)
