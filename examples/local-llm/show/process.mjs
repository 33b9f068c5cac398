// Processes that are started, watched and always ended.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

const GREETING = /listening on (\S+)/
const START_MS_MAX = 60_000

const running = new Set()

/** Starts a process; what it writes to its standard error is kept for the message of a failure. */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options })
  child.setMaxListeners(20)
  child.errors = ''
  child.stderr.on('data', (chunk) => {
    child.errors = (child.errors + chunk).slice(-4000)
  })
  running.add(child)
  child.ended = once(child, 'exit').then(([code]) => {
    running.delete(child)
    return code
  })
  return child
}

/** Starts a server and resolves with its address once it says `listening on …`. */
export async function serve(command, args) {
  const child = start(command, args)
  const watchdog = setTimeout(() => child.kill('SIGKILL'), START_MS_MAX)
  try {
    for await (const line of createInterface(child.stdout)) {
      const greeting = line.match(GREETING)
      if (greeting) return { child, url: greeting[1] }
    }
  } finally {
    clearTimeout(watchdog)
    child.stdout.resume()
  }
  throw new Error(`${command} did not start: ${child.errors}`)
}

/** Runs a command to its end and resolves with its standard output; rejects when it fails. */
export async function run(command, args) {
  const child = start(command, args)
  const output = read(child)
  const code = await child.ended
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${child.errors.trim()}`)
  return output
}

/** Everything the process writes. `onText` sees what there is so far at each step. */
export async function read(child, onText = () => {}) {
  let text = ''
  child.stdout.setEncoding('utf8')
  for await (const chunk of child.stdout) {
    text += chunk
    onText(text)
  }
  return text
}

export async function endAll() {
  const ends = [...running].map((child) => {
    child.kill('SIGKILL')
    return child.ended
  })
  await Promise.all(ends)
}
