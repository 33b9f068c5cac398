// The TypeScript client of Durable Streams, as an application has it, in live sessions against the server.

import { DurableStream, IdempotentProducer, stream } from '@durable-streams/client'
import { describe, expect, test } from 'vitest'

import { serverUnderTest } from './under_test.js'

const JSON_TYPE = 'application/json'
const server = serverUnderTest(() => ['--long-poll-timeout', '2s'])

function create(path, contentType) {
  return DurableStream.create({ url: server.stream(path), contentType })
}

/** Everything a live session brings from `offset` to the end of the stream. */
async function follow(url, live, offset = '-1') {
  const session = await stream({ url, offset, live, json: true })
  const batches = []
  await new Promise((resolve, reject) => {
    session.closed.catch(reject)
    session.subscribeJson((batch) => {
      batches.push({ ...batch, items: [...batch.items] })
      if (batch.streamClosed) resolve()
    })
  })
  return { items: batches.flatMap((batch) => batch.items), batches }
}

/** What is there now. */
function read(url) {
  return stream({ url, live: false, json: true }).then((session) => session.json())
}

describe.each(['sse', 'long-poll'])('live %s', (live) => {
  test('what an idempotent producer appends arrives once, in order, to the end', async () => {
    const handle = await create(`live/${live}`, JSON_TYPE)
    const following = [follow(handle.url, live), follow(handle.url, live, 'now')]
    const producer = new IdempotentProducer(handle, 'writer', { lingerMs: 1, maxInFlight: 4, maxBatchBytes: 64 })
    for (let n = 0; n < 200; n += 1) producer.append(JSON.stringify({ n }))
    await producer.flush()
    await producer.close(JSON.stringify({ n: 200 }))

    const wanted = Array.from({ length: 201 }, (_, n) => ({ n }))
    const [whole, recent] = await Promise.all(following)
    expect(whole.items).toEqual(wanted)
    expect(whole.batches.at(-1)).toMatchObject({ streamClosed: true, upToDate: true })
    expect(recent.items).toEqual(wanted.slice(wanted.length - recent.items.length))
    expect(await read(handle.url)).toEqual(wanted)
  })

  test('a session goes on from an offset that another one saved', async () => {
    const handle = await create(`saved/${live}`, JSON_TYPE)
    for (const n of [1, 2, 3]) await handle.append(JSON.stringify(n))
    const { offset } = await handle.head()
    for (const n of [4, 5]) await handle.append(JSON.stringify(n))
    await handle.close()
    expect((await follow(handle.url, live, offset)).items).toEqual([4, 5])
    expect((await follow(handle.url, live, 'now')).items).toEqual([])
  })

  test('a session survives a deploy of the server', async () => {
    const handle = await create(`deploy/${live}`, JSON_TYPE)
    await handle.append('1')
    const session = await stream({ url: handle.url, offset: '-1', live, json: true, warnOnHttp: false })
    const items = []
    let seen
    session.subscribeJson((batch) => {
      items.push(...batch.items)
      seen?.()
    })
    const has = async (count) => {
      while (items.length < count) await new Promise((resolve) => (seen = resolve))
    }
    await has(1)
    await server.redeploy()
    await handle.append('2')
    await has(2)
    await handle.close({ body: '3' })
    await has(3)
    expect(items).toEqual([1, 2, 3])
  })
})

test('a producer that takes over shuts the one before it out', async () => {
  const handle = await create('fenced', JSON_TYPE)
  const errors = []
  const before = new IdempotentProducer(handle, 'writer', { epoch: 0, lingerMs: 0, onError: (e) => errors.push(e) })
  before.append('1')
  await before.flush()
  const after = new IdempotentProducer(handle, 'writer', { epoch: 1, lingerMs: 0 })
  after.append('2')
  await after.flush()
  before.append('3')
  await before.flush().catch((error) => errors.push(error))
  expect(errors[0]).toMatchObject({ currentEpoch: 1 })
  expect(await read(handle.url)).toEqual([1, 2])
})

test('binary data arrives byte for byte over sse', async () => {
  const handle = await create('binary', 'application/octet-stream')
  const bytes = Uint8Array.from({ length: 1024 }, (_, n) => n % 256)
  const session = await stream({ url: handle.url, offset: '-1', live: 'sse' })
  const parts = []
  const ended = new Promise((resolve) => {
    session.subscribeBytes(({ data, streamClosed }) => {
      parts.push(data)
      if (streamClosed) resolve()
    })
  })
  await handle.append(bytes.slice(0, 500))
  await handle.append(bytes.slice(500))
  await handle.close()
  await ended
  expect(Buffer.concat(parts)).toEqual(Buffer.from(bytes))
})

test('text arrives as it was appended, spaces and line ends included', async () => {
  const handle = await create('text', 'text/plain')
  const session = await stream({ url: handle.url, offset: '-1', live: 'sse' })
  let text = ''
  const ended = new Promise((resolve) => {
    session.subscribeText((chunk) => {
      text += chunk.text
      if (chunk.streamClosed) resolve()
    })
  })
  const parts = [' leading', '\n two\n\n', 'event: control\ndata: {}\n\n', ': not a comment', '日\u2028']
  for (const part of parts) await handle.append(part)
  await handle.close()
  await ended
  expect(text).toBe(parts.join(''))
})

test('a stream that is gone, and one that is closed, are told apart', async () => {
  const handle = await create('gone', JSON_TYPE)
  await handle.close()
  await expect(handle.append('1')).rejects.toMatchObject({ status: 409 })
  await handle.delete()
  await expect(stream({ url: handle.url, live: false })).rejects.toMatchObject({ status: 404 })
})
