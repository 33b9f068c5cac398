import { afterEach, describe, expect, it, vi } from 'vitest'
import { ProblemError, type Problem } from '../base/problem'
import { ask, newKey } from './ask'
import { stop } from './stop'

const QUESTION = { key: 'k1', route: '/demo/v1/chat/completions', model: 'demo', text: 'why?' }

function answerWith(response: () => Response) {
  const fetched = vi.fn<typeof fetch>(() => Promise.resolve().then(response))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

async function problemOf(work: Promise<unknown>): Promise<Problem> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (!(error instanceof ProblemError)) throw new Error('no problem came')
  return error.problem
}

const problemDocument = (status: number, detail: string) =>
  Response.json({ title: 'No', status, detail, code: 'no' }, { status })

afterEach(() => void vi.unstubAllGlobals())

describe('an ask', () => {
  it('is posted under its key, to be answered in a stream', async () => {
    const fetched = answerWith(() => Response.json({ url: '/v1/stream/asks/7' }, { status: 202 }))
    await expect(ask(QUESTION)).resolves.toBe('asks/7')
    const [route, init] = fetched.mock.calls[0] ?? []
    expect(route).toBe(QUESTION.route)
    expect(init?.headers).toMatchObject({ Prefer: 'respond-async', 'Idempotency-Key': 'k1' })
    expect(JSON.parse(init?.body as string)).toMatchObject({ model: 'demo', stream: true })
  })

  it('finds its stream by the Location when the body names none', async () => {
    answerWith(() => new Response(null, { status: 202, headers: { Location: '/v1/stream/asks/8' } }))
    await expect(ask(QUESTION)).resolves.toBe('asks/8')
  })

  it('that is refused brings the words of the server', async () => {
    answerWith(() => problemDocument(409, 'this key was used for another body'))
    expect(await problemOf(ask(QUESTION))).toMatchObject({ status: 409, detail: 'this key was used for another body' })
  })

  it('that an upstream refuses brings the words of the upstream', async () => {
    answerWith(() => Response.json({ error: { message: 'no such model' } }, { status: 404 }))
    expect((await problemOf(ask(QUESTION))).detail).toBe('no such model')
  })

  it('to a route that makes no stream says so', async () => {
    answerWith(() => Response.json({ choices: [] }))
    expect((await problemOf(ask(QUESTION))).title).toBe('No stream was made')
  })

  it('to a server that is down says so', async () => {
    answerWith(() => {
      throw new TypeError('Failed to fetch')
    })
    expect((await problemOf(ask(QUESTION))).status).toBe(0)
  })

  it('has a key nobody else has', () => {
    expect(newKey()).toMatch(/^[0-9a-f]{32}$/)
    expect(newKey()).not.toBe(newKey())
  })
})

describe('a stop', () => {
  it('names the epoch, so that it cannot hit a later stream of the name', async () => {
    const fetched = answerWith(() => new Response(null, { status: 202 }))
    await stop('asks/7', 'k3v9')
    expect(fetched).toHaveBeenCalledWith('/v1/stream/asks/7?action=stop&epoch=k3v9', { method: 'POST', keepalive: true })
  })

  it('that is refused brings the words of the server', async () => {
    answerWith(() => problemDocument(404, 'nothing is stored at asks/7'))
    expect((await problemOf(stop('asks/7', null))).detail).toBe('nothing is stored at asks/7')
  })
})
