import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Problem } from '../base/problem'
import { Connection, DROP_PAUSE_MS, type ConnectionState } from './connection'
import { isEnd, type StreamEvent } from './event'

/** An EventSource whose server is the test. */
class FakeSource extends EventTarget {
  readonly CONNECTING = 0
  readonly OPEN = 1
  readonly CLOSED = 2
  readyState = 0
  onopen: (() => void) | null = null
  onerror: ((event: Event) => void) | null = null

  constructor(readonly url: string) {
    super()
    this.addEventListener('error', (event) => this.onerror?.(event))
  }

  open(): void {
    this.readyState = this.OPEN
    this.onopen?.()
  }

  send(type: string, lastEventId: string): void {
    this.dispatchEvent(new MessageEvent(type, { data: 'data', lastEventId }))
  }

  cut(): void {
    this.readyState = this.CONNECTING
    this.dispatchEvent(new Event('error'))
  }

  refuse(): void {
    this.readyState = this.CLOSED
    this.dispatchEvent(new Event('error'))
  }

  close(): void {
    this.readyState = this.CLOSED
  }
}

function start(explain: () => Promise<Problem | null> = () => Promise.resolve(null)) {
  const sources: FakeSource[] = []
  const events: StreamEvent[] = []
  const states: ConnectionState[] = []
  const options = {
    eventTypes: ['message', 'error', 'close'],
    isLast: isEnd,
    onEvent: (event: StreamEvent) => events.push(event),
    onState: (state: ConnectionState) => states.push(state),
  }
  const openSource = (url: string) => {
    const source = new FakeSource(url)
    sources.push(source)
    return source as unknown as EventSource
  }
  const connection = new Connection('/v1/stream/a', options, { openSource, explain, now: () => 7 })
  connection.connect()
  const newest = () => {
    const source = sources.at(-1)
    if (!source) throw new Error('no source was opened')
    return source
  }
  return { connection, sources, events, states, newest }
}

const refusal = (status: number): Problem => ({ title: 'No', detail: 'because', status })

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('a connection', () => {
  it('hands over every event with its id and arrival', () => {
    const { newest, events } = start()
    newest().open()
    newest().send('message', 'k-1')
    expect(events).toEqual([{ type: 'message', data: 'data', id: 'k-1', at: 7 }])
  })

  it('takes an event named error for an event', () => {
    const { newest, events, connection } = start()
    newest().open()
    newest().send('error', 'k-1')
    expect(events).toHaveLength(1)
    expect(connection.state.phase).toBe('open')
  })

  it('closes on the last event and opens nothing again', async () => {
    const { newest, sources, connection } = start()
    newest().open()
    newest().send('close', 'k-1-end')
    expect(newest().readyState).toBe(2)
    await vi.runAllTimersAsync()
    expect(sources).toHaveLength(1)
    expect(connection.state).toMatchObject({ phase: 'closed', lastEventId: 'k-1-end' })
  })

  it('goes on after an event that a publisher named close', () => {
    const { newest, connection, events } = start()
    newest().open()
    newest().send('close', 'k-1')
    newest().send('message', 'k-2')
    expect(events).toHaveLength(2)
    expect(connection.state.phase).toBe('open')
  })

  it('leaves a cut to EventSource and counts the resume', () => {
    const { newest, sources, connection } = start()
    newest().open()
    newest().cut()
    expect(connection.state).toMatchObject({ phase: 'reconnecting', problem: null })
    newest().open()
    expect(connection.state).toMatchObject({ phase: 'open', opens: 2 })
    expect(sources).toHaveLength(1)
  })

  it('says that nobody answers when a cut is not mended at the first try', () => {
    const { newest, connection } = start()
    newest().open()
    newest().cut()
    newest().cut()
    expect(connection.state).toMatchObject({ phase: 'reconnecting', problem: { status: 0 } })
    newest().open()
    expect(connection.state.problem).toBeNull()
  })
})

describe('a drop on purpose', () => {
  it('resumes after a moment with the last id it saw', () => {
    const { newest, sources, connection } = start()
    newest().open()
    newest().send('message', 'k-41')
    connection.drop()
    expect(sources[0]?.readyState).toBe(2)
    expect(connection.state.phase).toBe('reconnecting')
    vi.advanceTimersByTime(DROP_PAUSE_MS)
    expect(newest().url).toBe('/v1/stream/a?last_event_id=k-41')
  })

  it('starts over when it saw nothing yet', () => {
    const { newest, connection } = start()
    newest().open()
    connection.drop()
    vi.advanceTimersByTime(DROP_PAUSE_MS)
    expect(newest().url).toBe('/v1/stream/a')
  })

  it('does nothing to a connection that is over', async () => {
    const { newest, sources, connection } = start()
    newest().open()
    newest().send('close', 'k-1-end')
    connection.drop()
    await vi.runAllTimersAsync()
    expect(sources).toHaveLength(1)
  })

  it('is not undone by a timer after the connection was closed', async () => {
    const { newest, sources, connection } = start()
    newest().open()
    connection.drop()
    connection.close()
    await vi.runAllTimersAsync()
    expect(sources).toHaveLength(1)
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a refusal', () => {
  it.each([204, 400, 404, 410])('by %i is final, with the words of the server', async (status) => {
    const { newest, sources, connection } = start(() => Promise.resolve(refusal(status)))
    newest().refuse()
    await vi.runAllTimersAsync()
    expect(connection.state).toMatchObject({ phase: 'refused', problem: { status, detail: 'because' } })
    expect(sources).toHaveLength(1)
  })

  it.each([0, 429, 500, 503])('by %i is tried again from the same position', async (status) => {
    const { newest, sources, connection } = start(() => Promise.resolve(refusal(status)))
    newest().open()
    newest().send('message', 'k-3')
    newest().refuse()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(sources).toHaveLength(2)
    expect(newest().url).toContain('last_event_id=k-3')
    newest().open()
    expect(connection.state).toMatchObject({ phase: 'open', opens: 2, problem: null })
  })

  it('that does not pass ends in a question to the person, who may try again', async () => {
    const { newest, sources, connection } = start(() => Promise.resolve(refusal(503)))
    while (connection.state.phase !== 'refused') {
      newest().refuse()
      await vi.runAllTimersAsync()
    }
    expect(sources).toHaveLength(11)
    connection.reconnect()
    newest().open()
    expect(connection.state).toMatchObject({ phase: 'open', problem: null })
  })

  it('is not explained to a connection that was closed meanwhile', async () => {
    const { newest, connection, states } = start(() => Promise.resolve(refusal(404)))
    newest().refuse()
    connection.close()
    await vi.runAllTimersAsync()
    expect(states.at(-1)?.phase).toBe('closed')
  })
})
