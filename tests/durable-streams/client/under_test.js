// The server that a file of tests runs against, with a data directory of its own.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, expect } from 'vitest'

import { startServer } from '../server.js'

const BINARY = process.env.EVERSTREAM_BINARY ?? join(import.meta.dirname, '../../../target/debug/everstream')

/** Has a server run for the tests of the calling file, with the flags that `flags` makes in its directory. */
export function serverUnderTest(flags = () => []) {
  const underTest = new UnderTest(flags)
  beforeAll(() => underTest.start())
  afterAll(() => underTest.end())
  return underTest
}

class UnderTest {
  #flags
  #directory
  #server

  /** @param {(directory: string) => string[] | Promise<string[]>} flags */
  constructor(flags) {
    this.#flags = flags
  }

  get url() {
    return this.#server.url
  }

  /** Where the stream of that name is. */
  stream(name) {
    return `${this.url}/v1/stream/${name}`
  }

  async start() {
    this.#directory = await mkdtemp(join(tmpdir(), 'everstream-client-'))
    this.#server = await this.#serve()
  }

  /** Ends it in good order and starts it again, on the same port and data. */
  async redeploy() {
    const { host } = new URL(this.url)
    expect(await this.#server.stop()).toBeUndefined()
    this.#server = await this.#serve(host)
  }

  async end() {
    expect(await this.#server.stop()).toBeUndefined()
    await rm(this.#directory, { recursive: true })
  }

  async #serve(listen) {
    return startServer(BINARY, join(this.#directory, 'data'), await this.#flags(this.#directory), listen)
  }
}
