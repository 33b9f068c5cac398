// A server of the tests' own: an application or an upstream.

import { once } from 'node:events'
import { createServer } from 'node:http'

import { afterAll, beforeAll } from 'vitest'

/** Has `answer(request, response)` serve while the tests of the calling file run. */
export function httpServer(answer) {
  const server = createServer((request, response) => void answer(request, response))
  beforeAll(() => once(server.listen(0, '127.0.0.1'), 'listening'))
  afterAll(() => server.close())
  return {
    get url() {
      return `http://127.0.0.1:${server.address().port}`
    },
  }
}
