import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { oncePerFrame } from '../base/frame'
import { EventLog, type Row } from './eventLog'

export interface ShownLog {
  log: EventLog
  rows: Readonly<ShallowRef<readonly Row[]>>
  events: Readonly<Ref<number>>
}

/** The inspector's log, shown anew once per frame at most. */
export function useEventLog(): ShownLog {
  const rows = shallowRef<readonly Row[]>([])
  const events = ref(0)
  const publish = oncePerFrame(() => {
    rows.value = [...log.rows]
    events.value = log.events
  })
  const log = new EventLog(publish)
  return { log, rows, events }
}
