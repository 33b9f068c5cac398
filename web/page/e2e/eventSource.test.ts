import { expect } from 'vitest'
import { test } from './support/fixture'
import { canonicalText } from './support/stream'

/** What a developer would write: POST, `new EventSource`, and nothing of ours. Runs in the browser. */
async function askByHand(): Promise<{ path: string; text: string; opens: number; reason: string }> {
  const reply = await fetch('/demo/v1/chat/completions', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Prefer: 'respond-async', 'Idempotency-Key': crypto.randomUUID() },
    body: JSON.stringify({ model: 'demo', stream: true, messages: [{ role: 'user', content: 'by hand' }] }),
  })
  const { url } = (await reply.json()) as { url: string }
  return await new Promise((resolve) => {
    const source = new EventSource(url)
    let text = ''
    let opens = 0
    source.onopen = () => {
      opens += 1
    }
    source.onmessage = ({ data }: MessageEvent<string>) => {
      if (data === '[DONE]') return
      const chunk = JSON.parse(data) as { choices?: { delta?: { content?: string } }[] }
      text += chunk.choices?.[0]?.delta?.content ?? ''
      document.title = String(text.length)
    }
    source.addEventListener('close', ({ data }: MessageEvent<string>) => {
      source.close()
      const { reason } = JSON.parse(data) as { reason: string }
      resolve({ path: url.slice('/v1/stream/'.length), text, opens, reason })
    })
  })
}

test('a plain EventSource receives the canonical text', async ({ server, open }) => {
  const { page } = await open(server.url)
  const { path, text, opens, reason } = await page.evaluate(askByHand)
  expect(text).toBe(await canonicalText(server.url, path))
  expect(text).not.toBe('')
  expect(opens).toBe(1)
  expect(reason).toBe('completed')
})

test('a plain EventSource that is cut in mid-answer receives the canonical text', async ({ server, cutter, open }) => {
  const { page } = await open(cutter.url)
  const answered = page.evaluate(askByHand)
  for (const characters of [10, 60, 120]) {
    await page.waitForFunction((least) => Number(document.title) > least, characters)
    cutter.cut()
  }
  const { path, text, opens, reason } = await answered
  expect(text).toBe(await canonicalText(server.url, path))
  expect(opens).toBe(1 + cutter.cuts)
  expect(reason).toBe('completed')
})

test('an EventSource that reconnects after the end is told to stop', async ({ server, open }) => {
  const { page } = await open(server.url)
  const state = await page.evaluate(async () => {
    await fetch('/v1/stream/over', { method: 'PUT', headers: { 'Content-Type': 'text/event-stream' } })
    const headers = { 'Content-Type': 'text/event-stream', 'Stream-Closed': 'true' }
    await fetch('/v1/stream/over', { method: 'POST', headers, body: 'data: last\n\n' })
    return await new Promise<number>((resolve) => {
      // Never closed by this code: the server ends its loop by 204.
      const source = new EventSource('/v1/stream/over')
      source.onerror = () => {
        if (source.readyState === EventSource.CLOSED) resolve(source.readyState)
      }
    })
  })
  expect(state).toBe(2)
})

/** Follows the URL of a Durable Streams client; never closed by this code. Runs in the browser. */
async function followLiveSse(): Promise<{ items: number[]; opens: number; end: string }> {
  return await new Promise((resolve) => {
    const source = new EventSource('/v1/stream/live?live=sse&offset=-1')
    const items: number[] = []
    let opens = 0
    let end = ''
    source.onopen = () => {
      opens += 1
    }
    source.addEventListener('data', ({ data }: MessageEvent<string>) => {
      items.push(...(JSON.parse(data) as number[]))
      document.title = String(items.length)
    })
    source.addEventListener('control', ({ data }: MessageEvent<string>) => {
      const control = JSON.parse(data) as { streamCloseReason?: string }
      end = control.streamCloseReason ?? ''
    })
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) resolve({ items, opens, end })
    }
  })
}

test('an EventSource on live=sse resumes by itself behind every cut and is told to stop', async ({ server, cutter, open }) => {
  const stream = `${server.url}/v1/stream/live`
  const headers = { 'Content-Type': 'application/json' }
  await fetch(stream, { method: 'PUT', headers })
  const { page } = await open(cutter.url)
  const followed = page.evaluate(followLiveSse)
  const wanted = Array.from({ length: 40 }, (_, n) => n)
  for (const n of wanted) {
    await fetch(stream, { method: 'POST', headers, body: String(n) })
    if (n % 10 !== 9) continue
    await page.waitForFunction((least) => Number(document.title) > least, n - 3)
    cutter.cut()
  }
  await fetch(stream, { method: 'POST', headers: { 'Stream-Closed': 'true', 'Stream-Close-Reason': 'failed' } })
  const { items, opens, end } = await followed
  expect(items).toEqual(wanted)
  expect(opens).toBe(1 + cutter.cuts)
  expect(end).toBe('failed')
})
