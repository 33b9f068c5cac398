import { UNREACHABLE, readProblem, type Problem } from '../base/problem'
import type { StreamEvent } from './event'

export type Phase = 'connecting' | 'open' | 'reconnecting' | 'closed' | 'refused'

export interface ConnectionState {
  phase: Phase
  /** Times the connection was open; each after the first is a resume. */
  opens: number
  lastEventId: string
  /** Why it is not open: the server's words, or that nobody answers. */
  problem: Problem | null
}

export interface ConnectionOptions {
  /** Event names to hear. EventSource hands over only the names somebody listens for. */
  eventTypes: readonly string[]
  /** Whether the server has said all with this event: the connection closes and stays closed. */
  isLast: (event: StreamEvent) => boolean
  onEvent: (event: StreamEvent) => void
  onState: (state: ConnectionState) => void
}

/** What the connection takes from the browser; tests give their own. */
export interface Environment {
  openSource: (url: string) => EventSource
  /** Asks why EventSource was refused, which it does not tell itself. `null`: nothing is wrong, or no longer. */
  explain: (url: string) => Promise<Problem | null>
  now: () => number
}

/** How long a drop on purpose shows before it reconnects, in milliseconds. */
export const DROP_PAUSE_MS = 900
const RETRY_FIRST_MS = 1_000
const RETRY_MAX_MS = 16_000
/** After this many refusals in a row the person decides (`reconnect`). */
const RETRIES_MAX = 10
/** Client errors that pass by themselves: timeout, too early, too many requests. */
const PASSING_STATUS = [408, 425, 429]

/** 204: the server's way to end an EventSource that has already seen everything. */
const ENDED: Problem = { title: 'Nothing follows', detail: 'The stream ended with the last event seen.', status: 204 }
const NOT_A_STREAM: Problem = {
  title: 'No event stream',
  detail: 'The server answers, but the browser does not accept the answer as an event stream.',
  status: 200,
}

const BROWSER: Environment = {
  openSource: (url) => new EventSource(url),
  explain: explainRefusal,
  now: () => Date.now(),
}

/**
 * One subscription over as many EventSources as it takes.
 *
 * EventSource itself resumes after a cut. This adds what it lacks: a drop on purpose, trying again after a refusal
 * that passes (it gives up for good on any status but 200), and the reason when it does not pass.
 */
export class Connection {
  #state: ConnectionState = { phase: 'connecting', opens: 0, lastEventId: '', problem: null }
  #source: EventSource | null = null
  #timer: ReturnType<typeof setTimeout> | undefined
  #refusals = 0
  /** Errors since the last open, to tell a cut from a server that is gone. */
  #failures = 0

  constructor(
    readonly url: string,
    private readonly options: ConnectionOptions,
    private readonly environment: Environment = BROWSER,
  ) {}

  /** Opens, or opens anew from the last event seen. */
  connect(): void {
    this.#release()
    const source = this.environment.openSource(this.#resumeUrl())
    this.#source = source
    source.onopen = () => this.#onOpen()
    source.onerror = (event) => {
      // An event *named* error arrives here as well; it is data and not a failure.
      if (!(event instanceof MessageEvent)) this.#onError(source)
    }
    for (const type of this.options.eventTypes) {
      source.addEventListener(type, (event) => {
        if (event instanceof MessageEvent) this.#onEvent(event as MessageEvent<string>)
      })
    }
  }

  /** Cuts the connection on purpose and resumes after a moment. */
  drop(): void {
    if (this.isOver) return
    this.#release()
    this.#change({ phase: 'reconnecting' })
    this.#timer = setTimeout(() => this.connect(), DROP_PAUSE_MS)
  }

  /** Tries again now, after a refusal as well. */
  reconnect(): void {
    if (this.#state.phase === 'closed') return
    this.#refusals = 0
    this.#change({ phase: this.#waitingPhase, problem: null })
    this.connect()
  }

  close(): void {
    this.#release()
    if (this.#state.phase !== 'closed') this.#change({ phase: 'closed' })
  }

  get state(): ConnectionState {
    return this.#state
  }

  get isOver(): boolean {
    return this.#state.phase === 'closed' || this.#state.phase === 'refused'
  }

  get #waitingPhase(): Phase {
    return this.#state.opens > 0 ? 'reconnecting' : 'connecting'
  }

  /** A new EventSource cannot send the header, so the id goes in the query; the header wins once it is sent. */
  #resumeUrl(): string {
    const { lastEventId } = this.#state
    if (lastEventId === '') return this.url
    const mark = this.url.includes('?') ? '&' : '?'
    return `${this.url}${mark}last_event_id=${encodeURIComponent(lastEventId)}`
  }

  #onOpen(): void {
    this.#refusals = 0
    this.#failures = 0
    this.#change({ phase: 'open', opens: this.#state.opens + 1, problem: null })
  }

  #onEvent(event: MessageEvent<string>): void {
    this.#state = { ...this.#state, lastEventId: event.lastEventId }
    const { type, data, lastEventId: id } = event
    const arrived = { type, data, id, at: this.environment.now() }
    this.options.onEvent(arrived)
    if (this.options.isLast(arrived)) this.close()
  }

  #onError(source: EventSource): void {
    if (source !== this.#source) return
    this.#failures += 1
    if (source.readyState === source.CLOSED) {
      void this.#onRefused(source)
      return
    }
    // The first error is a cut, which EventSource mends by itself; the next without an open means nobody answers.
    const isGone = this.#failures > 1 || this.#state.opens === 0
    this.#change({ phase: this.#waitingPhase, problem: isGone ? UNREACHABLE : null })
  }

  async #onRefused(source: EventSource): Promise<void> {
    this.#change({ phase: this.#waitingPhase })
    const problem = await this.environment.explain(this.#resumeUrl())
    if (source !== this.#source) return
    this.#refusals += 1
    if (this.#refusals > RETRIES_MAX || (problem !== null && isFinal(problem))) {
      this.#release()
      this.#change({ phase: 'refused', problem: problem ?? NOT_A_STREAM })
      return
    }
    this.#change({ problem })
    const pause = Math.min(RETRY_FIRST_MS * 2 ** (this.#refusals - 1), RETRY_MAX_MS)
    this.#timer = setTimeout(() => this.connect(), pause)
  }

  #change(part: Partial<ConnectionState>): void {
    this.#state = { ...this.#state, ...part }
    this.options.onState(this.#state)
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#source?.close()
    this.#source = null
  }
}

function isFinal({ status }: Problem): boolean {
  return status === ENDED.status || (status >= 400 && status < 500 && !PASSING_STATUS.includes(status))
}

async function explainRefusal(url: string): Promise<Problem | null> {
  try {
    const response = await fetch(url, { headers: { Accept: 'text/event-stream' }, cache: 'no-store' })
    if (response.status === ENDED.status) return ENDED
    if (!response.ok) return await readProblem(response)
    await response.body?.cancel()
    return null
  } catch {
    return UNREACHABLE
  }
}
