// One generation at a time: the model has one context, and two at once would only make both slow.

import { Refusal } from './chat.mjs'

/** Hands out turns in the order they were asked for, to at most `waitingMax` who wait. */
export class Turns {
  #isTaken = false
  #waiting = []

  constructor(waitingMax) {
    this.waitingMax = waitingMax
  }

  get waiting() {
    return this.#waiting.length
  }

  /** Resolves with a function that ends the turn. Rejects when too many wait already, or `signal` aborts the wait. */
  async take(signal) {
    signal.throwIfAborted()
    if (!this.#isTaken) {
      this.#isTaken = true
      return () => this.#next()
    }
    if (this.#waiting.length >= this.waitingMax) {
      const message = `the model is busy and ${this.waitingMax} others wait`
      throw new Refusal(503, message, { code: 'overloaded', retryAfterSeconds: 5 })
    }
    await new Promise((resolve, reject) => {
      const place = { resolve }
      this.#waiting.push(place)
      signal.addEventListener('abort', () => {
        const index = this.#waiting.indexOf(place)
        if (index < 0) return
        this.#waiting.splice(index, 1)
        reject(signal.reason)
      })
    })
    return () => this.#next()
  }

  #next() {
    const next = this.#waiting.shift()
    if (next) next.resolve()
    else this.#isTaken = false
  }
}
