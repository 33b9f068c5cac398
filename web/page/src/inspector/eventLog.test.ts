import { expect, it, vi } from 'vitest'
import { DATA_CHARS_MAX, EventLog, ROWS_MAX, filterRows } from './eventLog'

function logWith(count: number): EventLog {
  const log = new EventLog(() => {})
  for (let n = 1; n <= count; n += 1) log.addEvent({ id: `k-${n}`, type: 'message', data: `number ${n}`, at: n })
  return log
}

it('holds the newest rows and counts them all', () => {
  const log = logWith(ROWS_MAX + 5)
  expect(log.rows).toHaveLength(ROWS_MAX)
  expect(log.rows[0]?.id).toBe('k-6')
  expect(log.rows.at(-1)?.id).toBe(`k-${ROWS_MAX + 5}`)
  expect(log.events).toBe(ROWS_MAX + 5)
})

it('keeps a large event short and says how much it left out', () => {
  const log = new EventLog(() => {})
  log.addEvent({ id: '', type: 'message', data: 'x'.repeat(DATA_CHARS_MAX + 7), at: 0 })
  expect(log.rows[0]?.data).toBe(`${'x'.repeat(DATA_CHARS_MAX)} … 7 more characters`)
})

it('does not count notes as events', () => {
  const log = logWith(2)
  log.addNote('cut after k-2')
  expect(log.events).toBe(2)
  expect(log.rows.map((row) => row.kind)).toEqual(['event', 'event', 'note'])
})

it('gives each row a key of its own, also after a clear', () => {
  const log = logWith(2)
  log.clear()
  log.addNote('open')
  expect(log.rows.map((row) => row.number)).toEqual([3])
})

it('tells of each change', () => {
  const onChange = vi.fn()
  const log = new EventLog(onChange)
  log.addNote('open')
  log.clear()
  expect(onChange).toHaveBeenCalledTimes(2)
})

it.each([
  ['', 3],
  ['  ', 3],
  ['K-2', 1],
  ['message', 3],
  ['NUMBER 3', 1],
  ['nowhere', 0],
])('the filter %j leaves %i of three rows', (words, count) => {
  expect(filterRows(logWith(3).rows, words)).toHaveLength(count)
})
