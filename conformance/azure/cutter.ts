import { type Server, type Socket, connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

/** A proxy that sees nothing and changes nothing, and can cut what goes by it: as a cable that is pulled, as far as both ends can tell. */
export class Cutter implements AsyncDisposable {
  readonly #servers: readonly Server[]
  readonly #sockets = new Set<Socket>()

  private constructor(servers: readonly Server[], to: string, ports: readonly number[]) {
    this.#servers = servers
    for (const [at, server] of servers.entries())
      server.on('connection', (near: Socket) => {
        const far = connect(ports[at] ?? 0, to)
        for (const socket of [near, far]) {
          this.#sockets.add(socket)
          socket.on('error', () => undefined).once('close', () => this.#sockets.delete(socket))
        }
        pipeline(near, far, near, () => undefined)
      })
  }

  /** Listens on these ports of one address for what is meant for the same ports of another. */
  static async open(at: string, to: string, ports: readonly number[]): Promise<Cutter> {
    const servers = ports.map(() => createServer())
    const cutter = new Cutter(servers, to, ports)
    await Promise.all(
      servers.map((server, index) => {
        const { promise, resolve, reject } = Promise.withResolvers<void>()
        server.once('error', reject).listen(ports[index], at, resolve)
        return promise
      }),
    )
    return cutter
  }

  /** How many connections go by it: two sockets each. */
  get connections(): number {
    return this.#sockets.size / 2
  }

  /** Cuts everything that goes by it now. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}
