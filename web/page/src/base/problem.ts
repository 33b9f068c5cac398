import { isObject, parseJson } from './json'

/** What a person needs to know about a refusal: the server's own words (RFC 9457) where it gave any. */
export interface Problem {
  title: string
  detail: string
  /** HTTP status, or 0 when no answer came. */
  status: number
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title)
  }
}

export const UNREACHABLE: Problem = {
  title: 'The server does not answer',
  detail: 'It may be down or starting, or the network may be gone.',
  status: 0,
}

/** Reads the problem document of a refused request. A body that is none (a proxy's page) leaves the status to speak. */
export async function readProblem(response: Response): Promise<Problem> {
  const { status } = response
  const fallback = { title: `The server answered ${status}`, detail: response.statusText, status }
  const body = parseJson(await response.text().catch(() => ''))
  if (!isObject(body)) return fallback
  const title = typeof body.title === 'string' ? body.title : fallback.title
  const detail = typeof body.detail === 'string' ? body.detail : errorMessage(body)
  return { title, detail, status }
}

/** Upstreams of the OpenAI kind answer `{"error": {"message"}}`. */
function errorMessage(body: Record<string, unknown>): string {
  const { error } = body
  return isObject(error) && typeof error.message === 'string' ? error.message : ''
}
