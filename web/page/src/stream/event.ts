/** One event as it arrived. `id` is the last event id at that moment, as EventSource defines it. */
export interface StreamEvent {
  id: string
  type: string
  data: string
  /** Arrival, in milliseconds since 1970. */
  at: number
}
