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
