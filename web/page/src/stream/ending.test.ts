import { expect, it } from 'vitest'
import { parseEnding } from './ending'

it.each([
  ['{"reason":"completed","next":"k-3"}', { reason: 'completed', detail: '' }],
  ['{"reason":"stopped","detail":null}', { reason: 'stopped', detail: '' }],
  ['{"reason":"interrupted","detail":"the server restarted"}', { reason: 'interrupted', detail: 'the server restarted' }],
  [
    '{"reason":"failed","detail":{"code":"upstream_cut","upstream_status":200,"message":"cut after 9 events"}}',
    { reason: 'failed', detail: 'cut after 9 events · upstream_cut · upstream status 200' },
  ],
  ['{"reason":"failed","detail":{"other":1}}', { reason: 'failed', detail: '{"other":1}' }],
])('%s is read', (data, ending) => {
  expect(parseEnding(data)).toEqual(ending)
})

it.each(['', 'close', '[]', '{"detail":"no reason"}'])('%j is an ending, but never a completed one', (data) => {
  expect(parseEnding(data).reason).toBe('failed')
})
