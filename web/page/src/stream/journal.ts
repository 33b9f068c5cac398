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
  const position = lastEventId === '' ? '' : ` after ${lastEventId}`
  switch (phase) {
    case 'open':
      return opens === 1 ? `open: GET ${url}` : `open again${position || ' from the start'}`
    case 'connecting':
      return problem ? `no connection yet: ${problem.title}` : 'no connection yet'
    case 'reconnecting':
      return problem ? `still cut${position}: ${problem.title}` : `cut${position}`
    case 'refused':
      return `refused: ${problem?.detail || problem?.title || 'no reason given'}`
    case 'closed':
      return `closed${position}`
  }
}
