// The HTTP side: routes, streaming, and stopping when the caller has gone.

import { createServer } from 'node:http'

import { Answer, parseRequest, Refusal } from './chat.mjs'
import { Turns } from './turns.mjs'

const BODY_BYTES_MAX = 1 << 20
const WAITING_MAX = 8

/** A server, not yet listening, that answers with `model`: `{ name, check(request), generate(request, options) }`. */
export function createApp(model, { waitingMax = WAITING_MAX } = {}) {
  const turns = new Turns(waitingMax)
  const counts = { started: 0, finished: 0, aborted: 0, refused: 0, pieces: 0 }
  const routes = {
    'POST /v1/chat/completions': (request, response) => complete(request, response, { model, turns, counts }),
    'GET /v1/models': (_, response) => sendJson(response, 200, { object: 'list', data: [description(model)] }),
    'GET /counts': (_, response) => sendJson(response, 200, { ...counts, waiting: turns.waiting })
  }
  return createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://localhost')
    try {
      const route = routes[`${request.method} ${pathname}`]
      if (!route) throw new Refusal(404, `no route ${request.method} ${pathname}`, { code: 'unknown_url' })
      await route(request, response)
    } catch (error) {
      counts.refused += error instanceof Refusal ? 1 : 0
      refuse(response, error)
    }
  })
}

async function complete(request, response, { model, turns, counts }) {
  const gone = new AbortController()
  response.on('close', () => gone.abort(new Error('the caller has gone')))
  const wanted = parseRequest(await readBody(request))
  model.check(wanted)
  const endTurn = await turns.take(gone.signal)
  counts.started += 1
  try {
    const send = wanted.isStreaming ? stream : sendWhole
    await send(response, wanted, model, gone.signal, counts)
    counts.finished += 1
  } catch (error) {
    counts.aborted += gone.signal.aborted ? 1 : 0
    throw error
  } finally {
    endTurn()
  }
}

/** Sends each piece as it is made. What a slow caller has not taken yet is bounded by the answer's length. */
async function stream(response, wanted, model, signal, counts) {
  const answer = new Answer(model.name)
  const send = (chunk) => response.write(`data: ${typeof chunk === 'string' ? chunk : JSON.stringify(chunk)}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  send(answer.opening())
  const onText = (text) => {
    if (text === '') return
    counts.pieces += 1
    send(answer.text(text))
  }
  const { finishReason, usage } = await model.generate(wanted, { signal, onText })
  send(answer.end(finishReason))
  if (wanted.isUsageWanted) send(answer.usage(usage))
  send('[DONE]')
  response.end()
}

async function sendWhole(response, wanted, model, signal, counts) {
  let content = ''
  const onText = (text) => {
    counts.pieces += 1
    content += text
  }
  const { finishReason, usage } = await model.generate(wanted, { signal, onText })
  sendJson(response, 200, new Answer(model.name).whole(content, finishReason, usage))
}

async function readBody(request) {
  const chunks = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new Refusal(413, `the body is longer than ${BODY_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function description(model) {
  return { id: model.name, object: 'model', created: 0, owned_by: 'local' }
}

function sendJson(response, status, body, headers = {}) {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}

/** Answers with the error, or cuts the answer off where one has begun: a cut must not look like an end. */
function refuse(response, error) {
  if (response.headersSent || response.destroyed) {
    response.destroy()
    return
  }
  const refusal = error instanceof Refusal ? error : new Refusal(500, error.message)
  const headers = refusal.retryAfterSeconds === null ? {} : { 'retry-after': String(refusal.retryAfterSeconds) }
  sendJson(response, refusal.status, refusal.body, headers)
}
