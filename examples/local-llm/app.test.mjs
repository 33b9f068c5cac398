// The server's manners, shown with a model that says what the test makes it say.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { afterEach, test } from 'node:test'

import { createApp } from './app.mjs'

let server
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

/** Serves a model whose `generate` is given; returns the server's address. */
async function serve(generate, options) {
  server = createApp({ name: 'parrot', check() {}, generate }, options)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}`
}

const usage = { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 }

async function twoWords(_, { onText }) {
  onText('Hello')
  onText(' there')
  return { finishReason: 'stop', usage }
}

/** A model that says one word and then nothing until it is stopped. */
function silence() {
  let stop
  const stopped = new Promise((resolve) => {
    stop = resolve
  })
  const generate = (_, { signal, onText }) => {
    onText('Well')
    signal.addEventListener('abort', stop)
    return stopped.then(() => signal.throwIfAborted())
  }
  return { generate, stopped }
}

function ask(url, body, options = {}) {
  const messages = [{ role: 'user', content: 'Hi' }]
  return fetch(`${url}/v1/chat/completions`, { method: 'POST', body: JSON.stringify({ messages, ...body }), ...options })
}

const counts = async (url) => (await fetch(`${url}/counts`)).json()

test('a streamed answer is chunks, an end, usage when it was asked for, and [DONE]', async () => {
  const url = await serve(twoWords)
  const response = await ask(url, { stream: true, stream_options: { include_usage: true } })
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  const blocks = (await response.text()).split('\n\n')
  assert.deepEqual(blocks.splice(-2), ['data: [DONE]', ''])
  const chunks = blocks.map((block) => JSON.parse(block.replace('data: ', '')))
  assert.deepEqual(chunks.map((chunk) => chunk.choices[0]?.delta.content), ['', 'Hello', ' there', undefined, undefined])
  assert.equal(chunks.at(-2).choices[0].finish_reason, 'stop')
  assert.deepEqual(chunks.at(-1).usage, usage)
})

test('an answer that is not streamed is one completion', async () => {
  const body = await (await ask(await serve(twoWords), {})).json()
  assert.equal(body.choices[0].message.content, 'Hello there')
  assert.deepEqual(body.usage, usage)
})

test('a caller that goes away stops its generation', async () => {
  const { generate, stopped } = silence()
  const url = await serve(generate)
  const away = new AbortController()
  const response = await ask(url, { stream: true }, { signal: away.signal })
  await response.body.getReader().read()
  away.abort()
  await stopped
  assert.deepEqual(await counts(url), { started: 1, finished: 0, aborted: 1, refused: 0, pieces: 1, waiting: 0 })
})

test('the next in line is answered when the turn before it ends', async () => {
  const turns = []
  const url = await serve((_, { onText }) => {
    onText('x')
    return new Promise((resolve) => turns.push(() => resolve({ finishReason: 'stop', usage })))
  })
  const first = await ask(url, { stream: true })
  const second = ask(url, { stream: true })
  assert.equal(turns.length, 1)
  turns[0]()
  await first.text()
  const answer = await second
  turns[1]()
  assert.match(await answer.text(), /\[DONE\]/)
})

test('a full waiting room answers 503 with a time to come back', async () => {
  const { generate } = silence()
  const url = await serve(generate, { waitingMax: 0 })
  await ask(url, { stream: true })
  const refused = await ask(url, { stream: true })
  assert.equal(refused.status, 503)
  assert.equal(refused.headers.get('retry-after'), '5')
  assert.equal((await refused.json()).error.code, 'overloaded')
})

test('a wrong value is named', async () => {
  const url = await serve(twoWords)
  const cases = [
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'robot', content: '' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 1 }] }, 'messages[0].content'],
    [{ temperature: 'hot' }, 'temperature'],
    [{ max_tokens: 0 }, 'max_tokens'],
    [{ stop: [1] }, 'stop']
  ]
  for (const [body, param] of cases) {
    const response = await ask(url, body)
    assert.equal(response.status, 400)
    assert.equal((await response.json()).error.param, param)
  }
})

test('unknown routes and bodies that are no JSON have an error body too', async () => {
  const url = await serve(twoWords)
  assert.equal((await (await fetch(`${url}/v2`)).json()).error.code, 'unknown_url')
  const response = await fetch(`${url}/v1/chat/completions`, { method: 'POST', body: '{' })
  assert.equal(response.status, 400)
})
