import { ref, shallowRef, type Ref, type ShallowRef } from 'vue'
import { ProblemError, type Problem } from '../base/problem'
import { ask, newKey, type Question } from './ask'
import { loadPending, routeProblem, saveAsked, savePending, type Settings } from './memory'

export interface Asking {
  isAsking: Readonly<Ref<boolean>>
  problem: Readonly<ShallowRef<Problem | null>>
  /** Asks anew. The same question after a broken connection keeps its key, so the model cannot run twice. */
  send: (text: string, settings: Settings) => Promise<void>
  /** Takes up the question that a reload cut off before the address named its stream. */
  takeUp: () => Promise<void>
  /** The address names the stream, or its reader has left it: no reload takes the question up any more. */
  settle: () => void
}

export function useAsk(onStream: (path: string) => void): Asking {
  const isAsking = ref(false)
  const problem = shallowRef<Problem | null>(null)

  async function send(text: string, { route, model }: Settings): Promise<void> {
    if (isAsking.value) return
    const detail = routeProblem(route)
    if (detail !== '') {
      problem.value = { title: 'Not a route', detail, status: 0 }
      return
    }
    const before = loadPending(sessionStorage)
    const isSame = before?.text === text && before.route === route && before.model === model
    await post({ key: isSame && !before.isAnswered ? before.key : newKey(), route, model, text })
  }

  async function takeUp(): Promise<void> {
    const question = loadPending(sessionStorage)
    if (question) await post(question)
  }

  function settle(): void {
    savePending(sessionStorage, null)
  }

  async function post(question: Question): Promise<void> {
    isAsking.value = true
    problem.value = null
    savePending(sessionStorage, question)
    try {
      const path = await ask(question)
      // Not forgotten yet: a reload that has begun goes to the address as it was, without the stream.
      savePending(sessionStorage, { ...question, isAnswered: true })
      saveAsked(sessionStorage, path, question.text)
      onStream(path)
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error
      problem.value = error.problem
      // A refusal is an answer; only a question whose fate is unknown stays on its way.
      if (isRefusal(error.problem)) settle()
    } finally {
      isAsking.value = false
    }
  }

  return { isAsking, problem, send, takeUp, settle }
}

function isRefusal({ status }: Problem): boolean {
  return status >= 200 && status < 500
}
