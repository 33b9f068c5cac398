import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { memoryStorage } from './memoryStorage'
import { useAsk } from './useAsk'

const SETTINGS = { route: '/demo/v1/chat/completions', model: 'demo' }

/** What the server does with each question, in turn: its reply, or `null` for a connection that breaks. */
function serverReplies(...replies: (Response | null)[]): { keys: string[] } {
  const keys: string[] = []
  vi.stubGlobal('fetch', (_: string, init: RequestInit) => {
    keys.push(new Headers(init.headers).get('Idempotency-Key') ?? '')
    const reply = replies.shift()
    return reply ? Promise.resolve(reply) : Promise.reject(new TypeError('Failed to fetch'))
  })
  return { keys }
}

const accepted = () => Response.json({ url: '/v1/stream/asks/7' }, { status: 202 })
const refused = () => Response.json({ title: 'Bad', detail: 'no such model' }, { status: 400 })

beforeEach(() => void vi.stubGlobal('sessionStorage', memoryStorage()))
afterEach(() => void vi.unstubAllGlobals())

it('a question asked again after a broken connection keeps its key', async () => {
  const { keys } = serverReplies(null, accepted())
  const onStream = vi.fn()
  const { send, problem } = useAsk(onStream)
  await send('why?', SETTINGS)
  expect(problem.value?.title).toBe('The server does not answer')
  await send('why?', SETTINGS)
  expect(problem.value).toBeNull()
  expect(keys[1]).toBe(keys[0])
  expect(onStream).toHaveBeenCalledExactlyOnceWith('asks/7')
})

it('another question has another key', async () => {
  const { keys } = serverReplies(null, accepted(), accepted())
  const { send } = useAsk(() => {})
  await send('why?', SETTINGS)
  await send('how?', SETTINGS)
  await send('how?', SETTINGS)
  expect(new Set(keys).size).toBe(3)
})

it('a reload takes up the question whose fate is unknown, under its key', async () => {
  const { keys } = serverReplies(null, accepted())
  await useAsk(() => {}).send('why?', SETTINGS)
  const onStream = vi.fn()
  await useAsk(onStream).takeUp()
  expect(keys[1]).toBe(keys[0])
  expect(onStream).toHaveBeenCalledExactlyOnceWith('asks/7')
})

it('a reload that overtakes the address finds the answered question again, under its key', async () => {
  const { keys } = serverReplies(accepted(), accepted())
  await useAsk(() => {}).send('why?', SETTINGS)
  const onStream = vi.fn()
  await useAsk(onStream).takeUp()
  expect(keys[1]).toBe(keys[0])
  expect(onStream).toHaveBeenCalledExactlyOnceWith('asks/7')
})

it('a question answered and asked once more has another key', async () => {
  const { keys } = serverReplies(accepted(), accepted())
  const { send } = useAsk(() => {})
  await send('why?', SETTINGS)
  await send('why?', SETTINGS)
  expect(keys[1]).not.toBe(keys[0])
})

it('a reload asks nothing again that was settled or refused', async () => {
  const { keys } = serverReplies(accepted(), refused())
  const { send, settle } = useAsk(() => {})
  await send('why?', SETTINGS)
  settle()
  await useAsk(() => {}).takeUp()
  await send('how?', SETTINGS)
  await useAsk(() => {}).takeUp()
  expect(keys).toHaveLength(2)
})

it('a route that is no path of this server is not asked', async () => {
  const { keys } = serverReplies()
  const { send, problem } = useAsk(() => {})
  await send('why?', { route: 'https://api.example.com/v1', model: 'demo' })
  expect(problem.value?.detail).toContain('https://api.example.com/v1')
  expect(keys).toEqual([])
})
