import { ok } from 'node:assert/strict'

interface Chunk {
  choices?: { delta?: { content?: string } }[]
}

/** The text of an answer as the log holds it: a bounded read, which shares no code with the page. */
export async function canonicalText(server: string, path: string): Promise<string> {
  const response = await fetch(`${server}/v1/stream/${path}`)
  ok(response.ok, `GET ${path}: ${response.status}`)
  return textOf(await response.text())
}

/** The contents of the chat chunks in an event stream, joined. */
export function textOf(stream: string): string {
  const data = stream.split('\n').filter((line) => line.startsWith('data: {'))
  const chunks = data.map((line) => JSON.parse(line.slice('data: '.length)) as Chunk)
  return chunks.map((chunk) => chunk.choices?.[0]?.delta?.content ?? '').join('')
}

const EVENTS = { 'Content-Type': 'text/event-stream' }

export async function create(server: string, path: string): Promise<void> {
  await expectOk(fetch(`${server}/v1/stream/${path}`, { method: 'PUT', headers: EVENTS }))
}

/** Appends events given as SSE text; `reason` closes the stream with them. */
export async function append(server: string, path: string, events: string, reason?: string): Promise<void> {
  const headers = new Headers(EVENTS)
  if (reason !== undefined) {
    headers.set('Stream-Closed', 'true')
    headers.set('Stream-Close-Reason', reason)
  }
  await expectOk(fetch(`${server}/v1/stream/${path}`, { method: 'POST', headers, body: events }))
}

/** One token of an answer, as SSE text. */
export function token(content: string): string {
  return `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content } }] })}\n\n`
}

async function expectOk(work: Promise<Response>): Promise<void> {
  const response = await work
  ok(response.ok, `${response.url}: ${response.status} ${await response.text()}`)
}
