// A document of Yjs that several edit at once, kept in Durable Streams by the Yjs server of that project.

import { YjsProvider } from '@durable-streams/y-durable-streams'
import { YjsServer } from '@durable-streams/y-durable-streams/server'
import { Awareness } from 'y-protocols/awareness'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import * as Y from 'yjs'

import { serverUnderTest } from './under_test.js'

const server = serverUnderTest()
let yjs

beforeAll(async () => {
  yjs = new YjsServer({ port: 0, dsServerUrl: server.url, compactionThreshold: 2_000 })
  await yjs.start()
})

afterAll(() => yjs.stop())

class Editor {
  #provider
  #doc = new Y.Doc()

  constructor(docId) {
    this.awareness = new Awareness(this.#doc)
    this.#provider = new YjsProvider({
      doc: this.#doc,
      awareness: this.awareness,
      baseUrl: `${yjs.url}/v1/yjs/tests`,
      docId,
      connect: false,
    })
  }

  get text() {
    return this.#doc.getText('text')
  }

  async open() {
    const synced = new Promise((resolve) => this.#provider.once('synced', resolve))
    await this.#provider.connect()
    await synced
  }

  flush() {
    return this.#provider.flush()
  }

  /** Resolves once the document has this many characters. */
  async has(length) {
    while (this.text.length < length) await new Promise((resolve) => this.#doc.once('update', resolve))
  }

  close() {
    this.#provider.destroy()
    this.awareness.destroy()
  }
}

/** Resolves once the Yjs server has written that it made a snapshot. */
function snapshotMade() {
  return new Promise((resolve) => {
    vi.spyOn(console, 'log').mockImplementation((line) => line.includes('Compacted') && resolve())
  })
}

test('editors of one document come to the same text, before and behind a snapshot of it', async () => {
  const editors = [new Editor('shared'), new Editor('shared')]
  await Promise.all(editors.map((editor) => editor.open()))
  const line = 'a line of one of them\n'
  const snapshot = snapshotMade()
  for (let n = 0; n < 50; n += 1) {
    for (const editor of editors) editor.text.insert(n, line)
    await Promise.all(editors.map((editor) => editor.flush()))
  }
  await Promise.all(editors.map((editor) => editor.has(100 * line.length)))
  await snapshot
  editors.push(new Editor('shared'))
  await editors[2].open()
  await editors[2].has(100 * line.length)
  editors[2].text.insert(0, 'last ')
  await Promise.all(editors.map((editor) => editor.has(100 * line.length + 5)))
  const texts = editors.map((editor) => editor.text.toString())
  expect(new Set(texts).size).toBe(1)
  for (const editor of editors) editor.close()
})
