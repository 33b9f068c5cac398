import { describe, expect, it } from 'vitest'
import { NOTHING_SEEN, follow } from './continuity'

function see(...ids: string[]) {
  return ids
    .map((id) => {
      const type = id.endsWith('-end') ? 'close' : id === 'reset' ? 'reset' : 'message'
      return { id: id === 'reset' ? 'k3v9-9' : id, type, data: '{"reason":"epoch_changed"}', at: 0 }
    })
    .reduce(follow, NOTHING_SEEN)
}

describe('the ids a viewer saw', () => {
  it.each([
    { ids: [], records: 0, lost: 0, repeated: 0 },
    { ids: ['k3v9-1', 'k3v9-2', 'k3v9-3'], records: 3, lost: 0, repeated: 0 },
    { ids: ['k3v9-1', 'k3v9-4'], records: 2, lost: 2, repeated: 0 },
    { ids: ['k3v9-1', 'k3v9-2', 'k3v9-2', 'k3v9-3'], records: 4, lost: 0, repeated: 1 },
    { ids: ['k3v9-7', 'k3v9-8'], records: 2, lost: 0, repeated: 0 },
    { ids: ['k3v9-1', 'k3v9-2', 'k3v9-2-end'], records: 2, lost: 0, repeated: 0 },
    { ids: ['k3v9-1', 'k3v9-3-end'], records: 1, lost: 2, repeated: 0 },
    { ids: ['k3v9-8', 'k3v9-9', 'reset', 'm4m4-1', 'm4m4-2'], records: 4, lost: 0, repeated: 0 },
    { ids: ['k3v9-9', 'reset', 'k3v9-1', 'k3v9-2'], records: 3, lost: 0, repeated: 0 },
    { ids: ['any token', 'another'], records: 2, lost: 0, repeated: 0 },
  ])('$ids: $lost lost, $repeated repeated', ({ ids, ...counts }) => {
    expect(see(...ids)).toMatchObject(counts)
  })

  it('end with the last one seen, the close included', () => {
    expect(see('k3v9-1', 'k3v9-1-end').lastEventId).toBe('k3v9-1-end')
  })
})
