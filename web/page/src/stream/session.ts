import { Connection, type ConnectionState, type Environment } from './connection'
import { NO_ANSWER, addSeam, readEvent, type Answer } from './answer'
import { NOTHING_SEEN, follow, type Continuity } from './continuity'
import { isEnd, type StreamEvent } from './event'
import { parseEventId } from './eventId'
import { describeChange, type Journal } from './journal'
import { streamUrl } from './route'

/** Names an answer's stream may carry. `error` is an event some upstreams send; `reset` and `close` are Everstream's. */
const EVENT_TYPES = ['message', 'error', 'reset', 'close'] as const

/** Everything the page knows of one stream it watches. */
export interface Watched {
  path: string
  connection: ConnectionState
  answer: Answer
  continuity: Continuity
}

/** Follows one stream from its start to its end and keeps what it says. Knows nothing of Vue. */
export class Session {
  #answer = NO_ANSWER
  #continuity = NOTHING_SEEN
  readonly #connection: Connection

  constructor(
    readonly path: string,
    private readonly journal: Journal,
    private readonly onChange: () => void,
    environment?: Environment,
  ) {
    const options = {
      eventTypes: EVENT_TYPES,
      isLast: isEnd,
      onEvent: (event: StreamEvent) => this.#onEvent(event),
      onState: (state: ConnectionState) => this.#onState(state),
    }
    this.#connection = new Connection(streamUrl(path), options, environment)
    this.#connection.connect()
  }

  get watched(): Watched {
    const { path } = this
    return { path, connection: this.#connection.state, answer: this.#answer, continuity: this.#continuity }
  }

  /** The stream's epoch, once an event has named it: a Stop that carries it cannot hit a later stream of this name. */
  get epoch(): string | null {
    return parseEventId(this.#continuity.lastEventId)?.epoch ?? null
  }

  drop(): void {
    this.#connection.drop()
  }

  reconnect(): void {
    this.#connection.reconnect()
  }

  close(): void {
    this.#connection.close()
  }

  #onEvent(event: StreamEvent): void {
    this.#answer = readEvent(this.#answer, event)
    this.#continuity = follow(this.#continuity, event)
    this.journal.addEvent(event)
    this.onChange()
  }

  #onState(state: ConnectionState): void {
    if (state.phase === 'open' && state.opens > 1) this.#answer = addSeam(this.#answer)
    this.journal.addNote(describeChange(state, this.#connection.url))
    this.onChange()
  }
}
