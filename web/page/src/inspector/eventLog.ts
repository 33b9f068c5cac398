import type { StreamEvent } from '../stream/event'
import type { Journal } from '../stream/journal'

/** A line of the inspector: an event, or a note about the connection. */
export interface Row {
  /** Grows by one with each row; the table's key. */
  number: number
  kind: 'event' | 'note'
  id: string
  type: string
  data: string
  at: number
}

export const ROWS_MAX = 1_000
/** Characters of an event's data that a row keeps; an event may have a mebibyte. */
export const DATA_CHARS_MAX = 2_000

/** The newest rows, bounded in number and size. */
export class EventLog implements Journal {
  #rows: Row[] = []
  #added = 0
  #events = 0

  constructor(
    private readonly onChange: () => void,
    private readonly now: () => number = Date.now,
  ) {}

  get rows(): readonly Row[] {
    return this.#rows
  }

  /** Events seen since the last clear, those no longer held included. */
  get events(): number {
    return this.#events
  }

  addEvent({ id, type, data, at }: StreamEvent): void {
    this.#events += 1
    this.#add({ kind: 'event', id, type, data: shorten(data), at })
  }

  addNote(text: string): void {
    this.#add({ kind: 'note', id: '', type: '', data: text, at: this.now() })
  }

  clear(): void {
    this.#rows = []
    this.#events = 0
    this.onChange()
  }

  #add(row: Omit<Row, 'number'>): void {
    this.#added += 1
    this.#rows.push({ number: this.#added, ...row })
    if (this.#rows.length > ROWS_MAX) this.#rows.shift()
    this.onChange()
  }
}

/** Rows whose id, type or data has the words, in any case. */
export function filterRows(rows: readonly Row[], words: string): Row[] {
  const wanted = words.trim().toLowerCase()
  if (wanted === '') return [...rows]
  return rows.filter(({ id, type, data }) => [id, type, data].some((text) => text.toLowerCase().includes(wanted)))
}

function shorten(data: string): string {
  if (data.length <= DATA_CHARS_MAX) return data
  return `${data.slice(0, DATA_CHARS_MAX)} … ${data.length - DATA_CHARS_MAX} more characters`
}
