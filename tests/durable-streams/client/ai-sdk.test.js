// The transport of the AI SDK over Durable Streams, as an application has it: a route that answers chats, and a chat that
// is reloaded in the middle of an answer.

import { createDurableChatTransport, toDurableStreamResponse } from '@durable-streams/aisdk-transport'
import { readUIMessageStream, streamText } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { expect, test } from 'vitest'

import { httpServer } from './http_server.js'
import { serverUnderTest } from './under_test.js'

const WORDS = ['Answers ', 'outlive ', 'their ', 'readers: ', '日本語, \r\n\n', 'event: close\n', '"quoted".']

const server = serverUnderTest()
const app = httpServer(answer)
/** What the model says, in the order in which the test lets it. */
let model

/** The application's routes: `POST /chat` begins an answer, `GET /chat/{id}/stream` says where one is that goes on. */
async function answer(request, response) {
  const streamOf = (id) => server.stream(`chats/${id}`)
  if (request.method === 'GET') {
    const id = request.url.split('/')[2]
    return response.writeHead(200, { Location: streamOf(id) }).end()
  }
  const { id } = JSON.parse(await text(request))
  const source = streamText({ model, prompt: 'Why?' }).toUIMessageStream()
  const told = await toDurableStreamResponse({ source, stream: { writeUrl: streamOf(id) } })
  response.writeHead(told.status, Object.fromEntries(told.headers)).end(await told.text())
}

async function text(body) {
  return (await body.toArray()).join('')
}

/** A model that says the first of `WORDS` at once and the rest when `goOn` resolves. */
function modelThatPauses(goOn) {
  return new MockLanguageModelV3({
    doStream: async () => ({ stream: ReadableStream.from(parts(goOn)) }),
  })
}

async function* parts(goOn) {
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'text-start', id: 'text' }
  for (const [n, delta] of WORDS.entries()) {
    if (n === 1) await goOn
    yield { type: 'text-delta', id: 'text', delta }
  }
  yield { type: 'text-end', id: 'text' }
  const usage = { inputTokens: { total: 1 }, outputTokens: { total: WORDS.length } }
  yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' }, usage }
}

/** The message that chunks come to, and `seen` told of each step of it. */
async function message(stream, seen = () => {}) {
  let last
  for await (const message of readUIMessageStream({ stream })) seen((last = message))
  return last
}

function textOf(message) {
  return message.parts.filter((part) => part.type === 'text').map((part) => part.text).join('')
}

test('an answer of the AI SDK reaches who asked and who reloads in the middle of it', async () => {
  let goOn
  model = modelThatPauses(new Promise((resolve) => (goOn = resolve)))
  const transport = createDurableChatTransport({ api: `${app.url}/chat` })
  const chatId = 'one'
  const asked = await transport.sendMessages({ trigger: 'submit-message', chatId, messages: [] })

  let begun
  const first = new Promise((resolve) => (begun = resolve))
  const whole = message(asked, (step) => textOf(step) === WORDS[0] && begun())
  await first
  const reloaded = message(await transport.reconnectToStream({ chatId }))
  goOn()

  expect(textOf(await whole)).toBe(WORDS.join(''))
  expect(await reloaded).toEqual(await whole)
  expect(await message(await transport.reconnectToStream({ chatId }))).toEqual(await whole)
})
