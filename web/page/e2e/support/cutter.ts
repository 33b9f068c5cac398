import { once } from 'node:events'
import net from 'node:net'

/** A TCP relay before the server, which can cut every connection that runs through it as a proxy or a tunnel would. */
export class Cutter {
  readonly #sockets = new Set<net.Socket>()
  #cuts = 0
  #isPaused = false

  private constructor(private readonly listener: net.Server) {}

  static async before(address: string): Promise<Cutter> {
    const { hostname, port } = new URL(`http://${address}`)
    const listener = net.createServer()
    const cutter = new Cutter(listener)
    listener.on('connection', (client) => {
      if (cutter.#isPaused) {
        client.resetAndDestroy()
        return
      }
      const server = net.connect(Number(port), hostname)
      cutter.#join(client, server)
      cutter.#join(server, client)
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return cutter
  }

  get url(): string {
    const { port } = this.listener.address() as net.AddressInfo
    return `http://127.0.0.1:${port}`
  }

  get cuts(): number {
    return this.#cuts
  }

  /** Resets every connection, in the middle of whatever it carries. */
  cut(): void {
    this.#cuts += 1
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  /** Lets nobody through until `resume`: a network that is gone. */
  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
  }

  async close(): Promise<void> {
    this.cut()
    this.listener.close()
    await once(this.listener, 'close')
  }

  #join(from: net.Socket, to: net.Socket): void {
    this.#sockets.add(from)
    from.pipe(to)
    // A reset of one side is the end of both; that is what this is for.
    from.on('error', () => to.destroy())
    from.on('close', () => {
      this.#sockets.delete(from)
      to.destroy()
    })
  }
}
