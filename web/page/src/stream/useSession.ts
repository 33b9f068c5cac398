import { onScopeDispose, ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { stop as postStop } from '../ask/stop'
import { oncePerFrame } from '../base/frame'
import { ProblemError, type Problem } from '../base/problem'
import type { Journal } from './journal'
import { Session, type Watched } from './session'

export interface WatchedSession {
  watched: Readonly<ShallowRef<Watched | null>>
  isStopping: Readonly<Ref<boolean>>
  stopProblem: Readonly<ShallowRef<Problem | null>>
  watch: (path: string) => void
  leave: () => void
  drop: () => void
  reconnect: () => void
  stop: () => Promise<void>
}

/** The one stream this tab watches, as Vue sees it. Leaving, and the end of the scope, close its connection. */
export function useSession(journal: Journal): WatchedSession {
  const watched = shallowRef<Watched | null>(null)
  const isStopping = ref(false)
  const stopProblem = shallowRef<Problem | null>(null)
  let session: Session | null = null

  const publish = oncePerFrame(() => {
    watched.value = session?.watched ?? null
  })

  function leave(): void {
    session?.close()
    session = null
    isStopping.value = false
    stopProblem.value = null
    watched.value = null
  }

  function watch(path: string): void {
    leave()
    session = new Session(path, journal, publish)
    watched.value = session.watched
  }

  async function stop(): Promise<void> {
    const stopped = session
    if (!stopped) return
    isStopping.value = true
    stopProblem.value = null
    try {
      await postStop(stopped.path, stopped.epoch)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      if (stopped !== session) return
      isStopping.value = false
      stopProblem.value = error.problem
    }
  }

  // Back from the back-forward cache: the socket is gone and no error says so.
  const onPageShow = (event: PageTransitionEvent) => {
    if (event.persisted) session?.drop()
  }
  window.addEventListener('pageshow', onPageShow)
  onScopeDispose(() => {
    window.removeEventListener('pageshow', onPageShow)
    leave()
  })

  return {
    watched,
    isStopping,
    stopProblem,
    watch,
    leave,
    drop: () => session?.drop(),
    reconnect: () => session?.reconnect(),
    stop,
  }
}
