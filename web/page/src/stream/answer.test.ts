import { describe, expect, it } from 'vitest'
import { NO_ANSWER, addSeam, readEvent, segments, type Answer } from './answer'
import type { StreamEvent } from './event'

function event(data: unknown, type = 'message'): StreamEvent {
  return { id: '', type, data: typeof data === 'string' ? data : JSON.stringify(data), at: 0 }
}

const token = (content: string) => event({ choices: [{ index: 0, delta: { content } }] })

function read(events: StreamEvent[], from: Answer = NO_ANSWER): Answer {
  return events.reduce(readEvent, from)
}

describe('a chat answer', () => {
  it('is the contents of its chunks in order', () => {
    const role = event({ choices: [{ delta: { role: 'assistant' } }] })
    const finish = event({ choices: [{ delta: {}, finish_reason: 'stop' }] })
    const usage = event({ choices: [], usage: { total_tokens: 3 } })
    const answer = read([role, token('Ever'), token('stream'), token('.\n'), finish, usage, event('[DONE]')])
    expect(answer.text).toBe('Everstream.\n')
    expect(answer.otherEvents).toBe(0)
  })

  it('has no ending until a close event says so, whatever the upstream said', () => {
    expect(read([token('a'), event('[DONE]')]).ending).toBeNull()
    const close = event({ reason: 'completed', next: 'k-2' }, 'close')
    expect(read([token('a'), close]).ending).toEqual({ reason: 'completed', detail: '' })
  })

  it('starts over after a reset, because the replay brings everything again', () => {
    const reset = event({ reason: 'epoch_changed' }, 'reset')
    expect(read([token('old'), reset, token('new')]).text).toBe('new')
  })

  it.each([
    { type: 'close', data: { reason: 'completed' } },
    { type: 'close', data: 'close' },
    { type: 'reset', data: { reason: 'the game is over' } },
  ])('goes on after an event that a publisher named $type: $data', ({ type, data }) => {
    const published = { ...event(data, type), id: 'k-2' }
    expect(read([token('a'), published, token('b')])).toMatchObject({ text: 'ab', ending: null, otherEvents: 1 })
  })

  it.each(['deleted', 'expired'])('has ended when its stream is %s, which has no id of its own', (reason) => {
    const gone = { ...event({ reason, detail: null, next: 'k-1' }, 'close'), id: 'k-1' }
    expect(read([token('a'), gone]).ending).toEqual({ reason, detail: '' })
  })

  it('knows that its beginning is missing when the reset says trimmed', () => {
    const reset = event({ reason: 'trimmed' }, 'reset')
    expect(read([reset, token('rest')])).toMatchObject({ text: 'rest', isPartial: true })
  })

  it('shows an error that the upstream sent inside its stream and keeps the text', () => {
    const error = event({ error: { message: 'out of memory', type: 'server_error' } })
    expect(read([token('half'), error])).toMatchObject({ text: 'half', error: 'out of memory' })
  })

  it.each(['not json', '"text"', '[1]', '{"n":0}'])('counts %s as another kind of event', (data) => {
    expect(read([event(data)])).toMatchObject({ text: '', otherEvents: 1 })
  })

  it.each([{ choices: [null] }, { choices: [{}] }, { choices: [{ delta: { content: null } }] }])(
    'takes a chunk without content as no text: %j',
    (chunk) => {
      expect(read([event(chunk)]).text).toBe('')
    },
  )
})

describe('a seam', () => {
  it('stands where the text had come to when the connection was taken up again', () => {
    const before = read([token('ab')])
    const after = read([token('cd')], addSeam(before))
    expect(segments(after)).toEqual(['ab', 'cd'])
  })

  it('is one however often nothing came between two connections', () => {
    const twice = addSeam(addSeam(read([token('ab')])))
    expect(twice.seams).toEqual([2])
  })

  it('is not needed before the first text', () => {
    expect(addSeam(NO_ANSWER).seams).toEqual([])
  })
})
