import { isReset, type StreamEvent } from './event'
import { parseEventId, type EventId } from './eventId'

/**
 * Evidence that resuming works: offsets are dense, so every record that was skipped or seen twice shows in the ids.
 * The first event seen sets the base, because a viewer may start anywhere.
 */
export interface Continuity {
  /** Records seen, repeats included. */
  records: number
  lost: number
  repeated: number
  lastEventId: string
  expected: { epoch: string; offset: number } | null
}

export const NOTHING_SEEN: Continuity = { records: 0, lost: 0, repeated: 0, lastEventId: '', expected: null }

export function follow(before: Continuity, event: StreamEvent): Continuity {
  // A reset is the server's own word that the history starts over; it carries no id.
  if (isReset(event)) return { ...before, expected: null }
  const id = parseEventId(event.id)
  if (!id) return { ...before, records: before.records + 1, lastEventId: event.id }
  return id.isEnd ? followEnd(before, event, id) : followRecord(before, event, id)
}

function followRecord(before: Continuity, event: StreamEvent, id: EventId): Continuity {
  const after = {
    ...before,
    records: before.records + 1,
    lastEventId: event.id,
    expected: { epoch: id.epoch, offset: id.offset + 1 },
  }
  const { expected } = before
  if (!expected || expected.epoch !== id.epoch) return after
  if (id.offset < expected.offset) return { ...after, repeated: before.repeated + 1, expected }
  return { ...after, lost: before.lost + (id.offset - expected.offset) }
}

/** The close names the tail: records between the last one seen and the tail are lost. */
function followEnd(before: Continuity, event: StreamEvent, id: EventId): Continuity {
  const { expected } = before
  const isComparable = expected !== null && expected.epoch === id.epoch
  const lost = isComparable ? Math.max(0, id.offset + 1 - expected.offset) : 0
  return { ...before, lost: before.lost + lost, lastEventId: event.id }
}
