import { type SecureContext, TLSSocket, createSecureContext } from 'node:tls'
import type { ProbeTls } from './ports.ts'
import { serverSettings } from './tls-settings.ts'

/*
 * While a fleet moves to a new root, some names of ours are answered with a certificate for which the new root alone vouches (docs/rotation.md). TLS tells by
 * the name that a client asks for (SNI) which one it gets.
 */

/** One listener's way to answer probes of trust. */
export class TrustProbeNames {
  readonly #asked = new WeakSet<object>()
  #names: ReadonlySet<string> = new Set()
  #context: SecureContext | undefined

  constructor(probe: ProbeTls | undefined) {
    this.set(probe)
  }

  /** From now on; undefined: no name is answered differently. */
  set(probe: ProbeTls | undefined): void {
    this.#names = new Set(probe?.names)
    this.#context = probe && createSecureContext({ ...serverSettings(probe), ca: probe.clientCa })
  }

  /** For the options of a TLS server. Node calls it on the socket that asks. */
  get callback(): (name: string, done: (error: Error | null, context?: SecureContext) => void) => void {
    const [asked, find] = [this.#asked, (name: string) => (this.#names.has(name.toLowerCase()) ? this.#context : undefined)]
    return function (this: unknown, name, done) {
      const context = find(name)
      if (context !== undefined && this instanceof TLSSocket) asked.add(this)
      done(null, context)
    }
  }

  /** Whether a socket asked for such a name, also when its handshake failed. */
  isAsked(socket: TLSSocket): boolean {
    return this.#asked.has(socket)
  }
}
