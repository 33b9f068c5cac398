// The transport of TanStack AI over Durable Streams: one chat in several tabs, by that project's own chat client.

import { durableStreamConnection, toDurableChatSessionResponse } from '@durable-streams/tanstack-ai-transport'
import { ChatClient } from '@tanstack/ai-client'
import { expect, test } from 'vitest'

import { httpServer } from './http_server.js'
import { serverUnderTest } from './under_test.js'

const server = serverUnderTest()
const app = httpServer(answer)
const WORDS = ['One ', 'chat, ', 'many ', 'tabs.']

/** `POST /{chat}`: keeps the last message and the model's answer to it in the stream of the chat. */
async function answer(request, response) {
  const { messages } = JSON.parse((await request.toArray()).join(''))
  const told = await toDurableChatSessionResponse({
    stream: { writeUrl: server.stream(`chats${request.url}`) },
    newMessages: messages.slice(-1),
    responseStream: reply(messages.length),
  })
  response.writeHead(told.status, Object.fromEntries(told.headers)).end()
}

async function* reply(number) {
  const [runId, messageId, model, timestamp] = [`run-${number}`, `answer-${number}`, 'words', Date.now()]
  const of = { model, timestamp }
  yield { type: 'RUN_STARTED', runId, threadId: 'thread', ...of }
  yield { type: 'TEXT_MESSAGE_START', messageId, role: 'assistant', ...of }
  for (const delta of WORDS) yield { type: 'TEXT_MESSAGE_CONTENT', messageId, delta, ...of }
  yield { type: 'TEXT_MESSAGE_END', messageId, ...of }
  yield { type: 'RUN_FINISHED', runId, threadId: 'thread', finishReason: 'stop', ...of }
}

/** A tab: its chat client, and what it shows. */
class Tab {
  #client
  #watching = () => {}
  shown = []

  constructor(chat) {
    const connection = durableStreamConnection({
      sendUrl: `${app.url}/${chat}`,
      readUrl: server.stream(`chats/${chat}`),
    })
    this.#client = new ChatClient({
      connection,
      onMessagesChange: (messages) => {
        this.shown = messages.map(({ role, parts }) => [role, parts.map((part) => part.content).join('')])
        this.#watching()
      },
    })
    this.#client.subscribe()
  }

  ask(prompt) {
    return this.#client.sendMessage(prompt)
  }

  /** Resolves once this is what the tab shows. */
  async shows(wanted) {
    const isShown = () => JSON.stringify(this.shown) === JSON.stringify(wanted)
    while (!isShown()) await new Promise((resolve) => (this.#watching = resolve))
  }

  close() {
    this.#client.dispose()
  }
}

test('a chat of TanStack AI is the same in every tab, also in one that is opened later', async () => {
  const created = await fetch(server.stream('chats/tabs'), { method: 'PUT', headers: { 'content-type': 'application/json' } })
  expect(created.status).toBe(201)
  const tabs = [new Tab('tabs'), new Tab('tabs')]
  const turn = (prompt) => [['user', prompt], ['assistant', WORDS.join('')]]

  await tabs[0].ask('first')
  await Promise.all(tabs.map((tab) => tab.shows(turn('first'))))
  await tabs[1].ask('second')
  tabs.push(new Tab('tabs'))
  await Promise.all(tabs.map((tab) => tab.shows([...turn('first'), ...turn('second')])))
  for (const tab of tabs) tab.close()
})
