/** A hidden page gets no animation frames; its state (title, status) is still brought up to date this often. */
const HIDDEN_PAUSE_MS = 200

/**
 * Publishes at most once per frame however often it is asked to: a replay brings thousands of events at once, and
 * drawing each would cost the square of them.
 */
export function oncePerFrame(publish: () => void): () => void {
  let isDue = false
  const run = () => {
    if (!isDue) return
    isDue = false
    publish()
  }
  return () => {
    if (isDue) return
    isDue = true
    if (document.visibilityState === 'visible') requestAnimationFrame(run)
    // Also for a page that is hidden before its frame comes.
    setTimeout(run, HIDDEN_PAUSE_MS)
  }
}
