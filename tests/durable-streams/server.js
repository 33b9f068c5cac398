// The server under test, as a process of its own on a free port.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const GREETING = 'listening on '
const START_MS_MAX = 30_000
const STOP_MS_MAX = 15_000

/** Starts `everstream serve` on `dataDir`; `flags` are further flags. Resolves once it listens, on a free port if not told. */
export async function startServer(binary, dataDir, flags = [], listen = '127.0.0.1:0') {
  const args = ['serve', '--listen', listen, '--data-dir', dataDir, ...flags]
  const child = spawn(binary, args, { env: withoutSettings(process.env), stdio: ['ignore', 'pipe', 'pipe'] })
  const server = new Server(child)
  await server.listening()
  return server
}

/** A setting of the caller's shell is none of the server under test. */
function withoutSettings(environment) {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('EVERSTREAM_')))
}

class Server {
  #child
  #exited
  #complaints = []
  url = ''

  constructor(child) {
    this.#child = child
    this.#exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (/ (WARN|ERROR) /.test(line)) this.#complaints.push(line)
    })
  }

  async listening() {
    const watchdog = setTimeout(() => this.#child.kill('SIGKILL'), START_MS_MAX)
    try {
      for await (const line of createInterface({ input: this.#child.stdout })) {
        if (line.includes(GREETING)) {
          this.url = line.split(GREETING)[1].split(' ')[0]
          return
        }
      }
    } finally {
      clearTimeout(watchdog)
    }
    const { code, signal } = await this.#exited
    throw new Error(`the server ended before it listened (${signal ?? code})`)
  }

  /** What the server warned of. */
  get complaints() {
    return this.#complaints
  }

  /** Ends it as a crash would. */
  async kill() {
    this.#child.kill('SIGKILL')
    await this.#exited
  }

  /** Ends it in good order; says what went wrong with that, if anything did. */
  async stop() {
    const watchdog = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS_MAX)
    this.#child.kill('SIGTERM')
    const { code, signal } = await this.#exited
    clearTimeout(watchdog)
    return code === 0 ? undefined : `the server ended with ${signal ?? code}`
  }
}
