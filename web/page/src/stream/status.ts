import type { Watched } from './session'

/** `tone` is what the colour says; the words alone must be enough. */
export interface Status {
  label: string
  tone: 'idle' | 'live' | 'waiting' | 'good' | 'ended' | 'bad'
  explanation: string
}

const ENDINGS: Record<string, Omit<Status, 'label'>> = {
  completed: { tone: 'good', explanation: 'The model finished its answer.' },
  stopped: { tone: 'ended', explanation: 'Somebody stopped the answer here, for every viewer.' },
  failed: { tone: 'bad', explanation: 'The upstream failed; the answer ends where it was cut.' },
  interrupted: { tone: 'bad', explanation: 'The server died while it was relaying; the answer ends where it was cut.' },
  expired: { tone: 'ended', explanation: 'The stream reached its time to live.' },
  deleted: { tone: 'ended', explanation: 'The stream was deleted.' },
}

/** What to tell about a stream. Only a `close` event makes an end; a connection that is gone is never one. */
export function describeStatus(watched: Watched, isStopping: boolean): Status {
  const { ending } = watched.answer
  if (ending) {
    const known = ENDINGS[ending.reason] ?? { tone: 'ended', explanation: 'The stream is closed.' }
    return { label: ending.reason, ...known, explanation: ending.detail || known.explanation }
  }
  const { phase, problem } = watched.connection
  const reason = problem ? problem.detail || problem.title : ''
  // The problem itself is shown below the status.
  if (phase === 'refused') return { label: refusalLabel(problem?.status), tone: 'bad', explanation: '' }
  if (phase === 'closed') return { label: 'not watching', tone: 'idle', explanation: '' }
  if (isStopping) return { label: 'stopping', tone: 'waiting', explanation: 'Waiting for the end of the stream.' }
  if (phase === 'open') return { label: 'streaming', tone: 'live', explanation: '' }
  return { label: phase, tone: 'waiting', explanation: reason }
}

function refusalLabel(status: number | undefined): string {
  if (status === 404) return 'not found'
  if (status === 410) return 'gone'
  return 'refused'
}
