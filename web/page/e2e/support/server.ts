import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

const LISTENING = /listening on http:\/\/(\S+)/

/** The real binary, serving the demo from a data directory of its own. */
export class Server {
  #process: ChildProcess | null = null
  #address = '127.0.0.1:0'
  readonly #dataDir = mkdtempSync(path.join(tmpdir(), 'everstream-e2e-'))

  static async start(): Promise<Server> {
    const server = new Server()
    await server.start()
    return server
  }

  /** `host:port`, the same after a restart. */
  get address(): string {
    return this.#address
  }

  get url(): string {
    return `http://${this.#address}`
  }

  /** Starts, or starts again on the same address and data. Resolves when it listens. */
  async start(): Promise<void> {
    // A short retry keeps the browser's own reconnects quick.
    const args = ['serve', '--listen', this.#address, '--data-dir', this.#dataDir, '--retry', '200ms']
    const child = spawn(binary(), args, { env: environment(), stdio: ['ignore', 'pipe', 'inherit'] })
    this.#process = child
    const lines = createInterface({ input: child.stdout })
    for await (const line of lines) {
      const address = LISTENING.exec(line)?.[1]
      if (address === undefined) continue
      this.#address = address
      child.stdout.resume()
      return
    }
    throw new Error('the server ended before it listened; its words are above')
  }

  /** What a crash does: no drain, no farewell. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL')
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM')
    rmSync(this.#dataDir, { recursive: true, force: true })
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process
    this.#process = null
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }
}

/** The environment without the server's own keys: a test must not depend on whose shell it runs in. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('EVERSTREAM_')))
}

function binary(): string {
  const target = process.env.CARGO_TARGET_DIR ?? path.resolve(import.meta.dirname, '../../../../target')
  const found = process.env.EVERSTREAM_BINARY ?? path.join(target, 'debug/everstream')
  if (!existsSync(found)) throw new Error(`${found} is not there: build it with \`make binary\``)
  return found
}
