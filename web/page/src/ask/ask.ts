import { isObject, parseJson } from '../base/json'
import { ProblemError, UNREACHABLE, readProblem } from '../base/problem'
import { streamPath } from '../stream/route'

/** One question. Sent again with the same key, it is the same ask: the model runs once. */
export interface Question {
  key: string
  /** Path of a chat completions route on this server. */
  route: string
  model: string
  text: string
}

/** Posts the question and returns the path of the stream its answer is written to. Throws `ProblemError`. */
export async function ask(question: Question): Promise<string> {
  const response = await post(question)
  if (!response.ok) throw new ProblemError(await readProblem(response))
  const path = pathOf(response, await response.text())
  if (path === null) {
    const detail = `${question.route} answered ${response.status} without the URL of a stream. Is it an upstream mount?`
    throw new ProblemError({ title: 'No stream was made', detail, status: response.status })
  }
  return path
}

/** A fresh key. `randomUUID` exists only on secure origins, so a phone on plain HTTP needs the long way. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function post({ key, route, model, text }: Question): Promise<Response> {
  const headers = { 'Content-Type': 'application/json', Prefer: 'respond-async', 'Idempotency-Key': key }
  const body = JSON.stringify({ model, messages: [{ role: 'user', content: text }], stream: true })
  try {
    return await fetch(route, { method: 'POST', headers, body })
  } catch {
    throw new ProblemError(UNREACHABLE)
  }
}

function pathOf(response: Response, text: string): string | null {
  const body = parseJson(text)
  const url = isObject(body) && typeof body.url === 'string' ? body.url : response.headers.get('Location')
  return url === null ? null : streamPath(url)
}
