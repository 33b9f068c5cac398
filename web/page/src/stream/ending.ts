import { isObject, parseJson } from '../base/json'

/** How a stream ended, as its `close` event says. */
export interface Ending {
  /** `completed`, `stopped`, `failed`, `interrupted`, `expired`, `deleted`; shown as it is when it is another word. */
  reason: string
  detail: string
}

/** Reads the data of a `close` event. Data that cannot be read is an ending too, but not a *completed* one. */
export function parseEnding(data: string): Ending {
  const value = parseJson(data)
  if (!isObject(value) || typeof value.reason !== 'string') {
    return { reason: 'failed', detail: 'The close event could not be read.' }
  }
  return { reason: value.reason, detail: describeDetail(value.detail) }
}

function describeDetail(detail: unknown): string {
  if (detail === undefined || detail === null) return ''
  if (typeof detail === 'string') return detail
  if (!isObject(detail)) return JSON.stringify(detail)
  const { message, code, upstream_status: status } = detail
  const parts = [message, code, typeof status === 'number' ? `upstream status ${status}` : '']
  const words = parts.filter((part) => typeof part === 'string' && part !== '')
  return words.length > 0 ? words.join(' · ') : JSON.stringify(detail)
}
