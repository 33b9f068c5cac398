import { describe, expect, it } from 'vitest'
import { NO_ANSWER } from './answer'
import type { ConnectionState } from './connection'
import { NOTHING_SEEN } from './continuity'
import type { Watched } from './session'
import { describeStatus } from './status'

function watched(connection: Partial<ConnectionState>, reason?: string): Watched {
  return {
    path: 'asks/1',
    connection: { phase: 'open', opens: 1, lastEventId: '', problem: null, ...connection },
    answer: { ...NO_ANSWER, ending: reason === undefined ? null : { reason, detail: '' } },
    continuity: NOTHING_SEEN,
  }
}

const label = (...input: Parameters<typeof describeStatus>) => describeStatus(...input).label

describe('the status', () => {
  it.each([
    ['connecting', 'connecting'],
    ['open', 'streaming'],
    ['reconnecting', 'reconnecting'],
  ] as const)('of a %s connection is %s', (phase, expected) => {
    expect(label(watched({ phase }), false)).toBe(expected)
  })

  it.each(['completed', 'stopped', 'failed', 'interrupted', 'expired', 'deleted', 'a_new_reason'])(
    'is %s when the close event says so, whatever the connection does',
    (reason) => {
      expect(label(watched({ phase: 'closed' }, reason), true)).toBe(reason)
    },
  )

  it('is stopping from the press until the stream has ended', () => {
    expect(label(watched({}), true)).toBe('stopping')
    expect(label(watched({ phase: 'closed' }, 'completed'), true)).toBe('completed')
  })

  it('never calls a lost connection an end', () => {
    expect(label(watched({ phase: 'closed' }), false)).toBe('not watching')
  })

  it.each([
    [404, 'not found'],
    [410, 'gone'],
    [403, 'refused'],
  ])('after a %i is %s', (status, expected) => {
    const problem = { title: 'No stream', detail: 'nothing is stored at asks/1', status }
    const described = describeStatus(watched({ phase: 'refused', problem }), false)
    expect(described).toMatchObject({ label: expected, tone: 'bad' })
  })
})
