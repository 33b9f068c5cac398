import { isObject, parseJson } from '../base/json'

/** One event as it arrived. `id` is the last event id at that moment, as EventSource defines it. */
export interface StreamEvent {
  id: string
  type: string
  data: string
  /** Arrival, in milliseconds since 1970. */
  at: number
}

/** Reasons of an end that no log holds, so that its event has no id of its own. */
const GONE = ['deleted', 'expired']
const RESETS = ['epoch_changed', 'trimmed', 'beyond_tail']

/**
 * Whether the server says here that the stream has ended. Publishers may name an event `close` as well; theirs has the id
 * of a record, and the server's the id of an end, or no id of its own.
 */
export function isEnd({ type, id, data }: StreamEvent): boolean {
  return type === 'close' && (id === '' || id.endsWith('-end') || GONE.includes(reasonOf(data)))
}

/** Whether the server says here that its history starts over, which a publisher's event named `reset` does not. */
export function isReset({ type, data }: StreamEvent): boolean {
  return type === 'reset' && RESETS.includes(reasonOf(data))
}

function reasonOf(data: string): string {
  const value = parseJson(data)
  return isObject(value) && typeof value.reason === 'string' ? value.reason : ''
}
