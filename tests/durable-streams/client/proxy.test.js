// The TypeScript client of Durable Streams reads what the proxy carries, by nothing but the URL that the proxy signed.

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { stream } from '@durable-streams/client'
import { describe, expect, test } from 'vitest'

import { httpServer } from './http_server.js'
import { serverUnderTest } from './under_test.js'

const SECRET = 'a-secret-of-the-tests'

/** Takes the next call of the upstream. */
let answer
const upstream = httpServer((request, response) => answer(request, response))
const server = serverUnderTest(async (directory) => {
  const configuration = join(directory, 'everstream.toml')
  await writeFile(configuration, `proxy_secret = "${SECRET}"\nproxy_allow = ["${upstream.url}"]\n`)
  return ['--config', configuration, '--long-poll-timeout', '2s']
})

/** Calls the upstream through the proxy; its answer is written by the test. */
async function call(contentType) {
  const called = new Promise((resolve) => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-type': contentType }).flushHeaders()
      resolve(response)
    }
  })
  const created = fetch(`${server.url}/v1/proxy`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${SECRET}`, 'Upstream-URL': `${upstream.url}/answer`, 'Upstream-Method': 'POST' },
    body: '{}',
  })
  const response = await called
  expect((await created).status).toBe(201)
  return { headers: (await created).headers, response }
}

/** Everything that a live session brings, told to `seen` as it comes. */
async function follow(url, live, seen = () => {}) {
  const session = await stream({ url, offset: '-1', live, warnOnHttp: false })
  expect(session.headers.get('upstream-content-type')).toBe('text/event-stream')
  const parts = []
  await new Promise((resolve, reject) => {
    session.closed.catch(reject)
    session.subscribeBytes(({ data, streamClosed }) => {
      parts.push(Buffer.from(data))
      seen(Buffer.concat(parts).toString())
      if (streamClosed) resolve()
    })
  })
  return Buffer.concat(parts).toString()
}

describe.each(['sse', 'long-poll'])('live %s', (live) => {
  test('the upstream’s bytes arrive as they come, and the end with them', async () => {
    const { headers, response } = await call('text/event-stream')
    const parts = ['data: 1\n\n', ': a comment\r\n', 'id: 7\ndata: ü', '\n\n']
    response.write(parts[0])
    let written = 1
    const whole = await follow(headers.get('stream-read-location'), live, (text) => {
      // What was written is there before anything more is.
      if (written < parts.length && text === parts.slice(0, written).join('')) response.write(parts[written++])
      else if (text === parts.join('')) response.end()
    })
    expect(whole).toBe(parts.join(''))
  })
})

test('an abort ends every session', async () => {
  const { headers, response } = await call('text/event-stream')
  const gone = once(response, 'close')
  response.write('data: 1\n\n')
  let aborted
  const abort = () => fetch(`${headers.get('stream-abort-location')}&action=abort`, { method: 'PATCH' })
  const whole = await follow(headers.get('location'), 'sse', (text) => {
    if (text) aborted ??= abort()
  })
  expect(whole).toBe('data: 1\n\n')
  expect((await aborted).status).toBe(204)
  await gone
})
