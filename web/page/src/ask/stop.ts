import { ProblemError, UNREACHABLE, readProblem } from '../base/problem'
import { streamUrl } from '../stream/route'

/**
 * Stops a stream for every viewer. The end itself arrives as the stream's `close` event, so keep reading.
 * With `keepalive` the request outlives a tab that is closed at once. Throws `ProblemError`.
 */
export async function stop(path: string, epoch: string | null): Promise<void> {
  const query = epoch === null ? '' : `&epoch=${encodeURIComponent(epoch)}`
  const url = `${streamUrl(path)}?action=stop${query}`
  const response = await fetch(url, { method: 'POST', keepalive: true }).catch(() => {
    throw new ProblemError(UNREACHABLE)
  })
  if (!response.ok) throw new ProblemError(await readProblem(response))
}
