import type { ConnectionState } from './connection'
import type { StreamEvent } from './event'

/** Where a connection's happenings are written down; the inspector is one. */
export interface Journal {
  addEvent(event: StreamEvent): void
  addNote(text: string): void
}

/** One line about what became of the connection. */
export function describeChange(state: ConnectionState, url: string): string {
  const { phase, opens, lastEventId, problem } = state
  const position = lastEventId === '' ? 'the start' : lastEventId
  switch (phase) {
    case 'open':
      return opens === 1 ? `open: GET ${url}` : `open again, resuming after ${position}`
    case 'connecting':
      return problem ? `no connection yet: ${problem.title}` : 'no connection yet'
    case 'reconnecting':
      return problem ? `still cut after ${position}: ${problem.title}` : `cut after ${position}`
    case 'refused':
      return `refused: ${problem?.detail || problem?.title || 'no reason given'}`
    case 'closed':
      return `closed after ${position}`
  }
}
