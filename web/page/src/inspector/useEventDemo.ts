import { computed, onScopeDispose, shallowRef, type ComputedRef, type ShallowRef } from 'vue'
import { Connection, type ConnectionState } from '../stream/connection'
import { describeChange, type Journal } from '../stream/journal'

export interface EventDemo {
  isRunning: ComputedRef<boolean>
  state: Readonly<ShallowRef<ConnectionState | null>>
  run: (query: EventQuery) => void
  close: () => void
}

/** The parameters of `GET /event`; the server says which is missing. */
export interface EventQuery {
  appId: string
  page: string
  pageSize: string
}

/** Runs `GET /event` with an EventSource, and closes it when the server's `close` event says so. */
export function useEventDemo(journal: Journal): EventDemo {
  const state = shallowRef<ConnectionState | null>(null)
  let connection: Connection | null = null

  function run(query: EventQuery): void {
    connection?.close()
    const url = `/event?${new URLSearchParams({ ...query }).toString()}`
    connection = new Connection(url, {
      eventTypes: ['message', 'close'],
      isLast: (event) => event.type === 'close',
      onEvent: (event) => journal.addEvent(event),
      onState: (next) => {
        state.value = next
        journal.addNote(describeChange(next, url))
      },
    })
    state.value = connection.state
    connection.connect()
  }

  const close = () => connection?.close()
  onScopeDispose(close)
  const isRunning = computed(() => state.value !== null && !['closed', 'refused'].includes(state.value.phase))
  return { isRunning, state, run, close }
}
