/** An event id of Everstream: `<epoch>-<offset after this record>`, or `<epoch>-<tail>-end` for the close. */
export interface EventId {
  epoch: string
  offset: number
  isEnd: boolean
}

const SHAPE = /^([A-Za-z0-9]+)-(\d+)(-end)?$/

/** Reads an id, or says `null` when it is not one of ours (another server's stream may carry any token). */
export function parseEventId(text: string): EventId | null {
  const match = SHAPE.exec(text)
  if (!match) return null
  const [, epoch = '', offset = '', end] = match
  return { epoch, offset: Number(offset), isEnd: end !== undefined }
}
