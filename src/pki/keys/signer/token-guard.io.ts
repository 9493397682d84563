import { type Clock, Fault, type Result, Secret, ok, refuse } from '#base'
import { openSigner } from './signer-process.io.ts'
import type { TokenPlace } from './pkcs11-hardware.io.ts'

/** What using a token for a moment takes. `environment` is the hub's; modules look there for their settings. */
export type TokenGuardPorts = { readonly clock: Clock; readonly environment: Readonly<Record<string, string | undefined>> }

/**
 * Wraps a key of 32 bytes in a token, or opens what it wrapped. The token's process lives for the one question: this is asked at a start, and when the guard of
 * the root key is changed. Refuses `vault/guard-away` and `vault/guard-refused`.
 */
export async function askToken(op: 'wrap' | 'unwrap', place: TokenPlace, body: Buffer, ports: TokenGuardPorts): Promise<Result<Secret>> {
  await using signer = await openSigner({ place: 'pkcs11', ...place }, { ...ports, changed: () => {} })
  try {
    const { answer, body: given } = await signer.supervisor.ask({ op }, body)
    if (!answer.ok) return refuse('vault/guard-refused', answer.message)
    const secret = new Secret(Buffer.from(given))
    given.fill(0)
    return ok(secret)
  } catch (error) {
    if (error instanceof Fault && error.code === 'pki/key-unavailable') return refuse('vault/guard-away', error.message)
    throw error
  }
}
