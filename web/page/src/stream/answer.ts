import { isObject, parseJson } from '../base/json'
import { parseEnding, type Ending } from './ending'
import { isEnd, isReset, type StreamEvent } from './event'

/** A chat answer, rebuilt from the events of its stream. */
export interface Answer {
  text: string
  /** Positions in `text` at which a connection took up after another: where a loss would show. */
  seams: readonly number[]
  /** An error the upstream sent inside its own stream. */
  error: string
  /** The history before the first event held was trimmed. */
  isPartial: boolean
  /** Events that carried no chat chunk: the stream is something else than an answer. */
  otherEvents: number
  ending: Ending | null
}

export const NO_ANSWER: Answer = { text: '', seams: [], error: '', isPartial: false, otherEvents: 0, ending: null }

/** The next answer after one event. Pure, and the same for live and replayed events. */
export function readEvent(answer: Answer, event: StreamEvent): Answer {
  if (isEnd(event)) return { ...answer, ending: parseEnding(event.data) }
  if (isReset(event)) return restart(event.data)
  return readChunk(answer, event.data)
}

/** Marks that the connection was lost and taken up again here. */
export function addSeam(answer: Answer): Answer {
  const position = answer.text.length
  const isNew = position > 0 && answer.seams.at(-1) !== position
  return isNew ? { ...answer, seams: [...answer.seams, position] } : answer
}

/** The text cut at its seams, for showing them. */
export function segments(answer: Answer): string[] {
  const bounds = [0, ...answer.seams, answer.text.length]
  return bounds.slice(1).map((end, index) => answer.text.slice(bounds[index], end))
}

/** What follows a reset is a replay from the first record held, so nothing shown before it counts. */
function restart(data: string): Answer {
  const value = parseJson(data)
  return { ...NO_ANSWER, isPartial: isObject(value) && value.reason === 'trimmed' }
}

function readChunk(answer: Answer, data: string): Answer {
  if (data === '[DONE]') return answer
  const chunk = parseJson(data)
  if (!isObject(chunk)) return { ...answer, otherEvents: answer.otherEvents + 1 }
  if (chunk.error !== undefined && chunk.error !== null) return { ...answer, error: errorText(chunk.error) }
  if (!Array.isArray(chunk.choices)) return { ...answer, otherEvents: answer.otherEvents + 1 }
  return { ...answer, text: answer.text + contentOf(chunk.choices[0]) }
}

/** The text that one chat chunk adds, or `''`. */
export function chunkText(data: string): string {
  const chunk = parseJson(data)
  return isObject(chunk) && Array.isArray(chunk.choices) ? contentOf(chunk.choices[0]) : ''
}

/** A chunk without content is ordinary: the first one carries the role, the last ones the finish reason and usage. */
function contentOf(choice: unknown): string {
  if (!isObject(choice) || !isObject(choice.delta)) return ''
  const { content } = choice.delta
  return typeof content === 'string' ? content : ''
}

function errorText(error: unknown): string {
  if (typeof error === 'string') return error
  if (isObject(error) && typeof error.message === 'string') return error.message
  return JSON.stringify(error)
}
