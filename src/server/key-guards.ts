import { type Clock, type Random, type Result, ok, refuse } from '#base'
import { askToken } from '#pki'
import { type GuardPlace, type KeyGuard, type KeyGuards, keyringGuard, tpmGuard } from '#vault'

type World = { readonly clock: Clock; readonly random: Random; readonly environment: Readonly<Record<string, string | undefined>> }

/** What may guard the root key besides files and passphrases: a token behind PKCS #11, a TPM, the keyring of a session. */
export function keyGuards(world: World): KeyGuards {
  return { pkcs11: tokenGuard(world), tpm: tpmGuard(), keyring: keyringGuard(world.random) }
}

function tokenGuard(world: World): KeyGuard {
  return {
    async seal(place, key) {
      const wrapped = await key.use((bytes) => asked('wrap', place, Buffer.from(bytes), world))
      if (!wrapped.ok) return wrapped
      using secret = wrapped.value
      return ok(secret.use((bytes) => Buffer.from(bytes)))
    },
    open: (place, sealed) => asked('unwrap', place, sealed, world),
  }
}

async function asked(
  op: 'wrap' | 'unwrap',
  { module, token, pinFile }: GuardPlace,
  body: Buffer,
  world: World,
): ReturnType<typeof askToken> {
  if (module === undefined || token === undefined || pinFile === undefined) return refusePlace
  return await askToken(op, { module, token, pinFile }, body, world)
}

const refusePlace: Result<never> = refuse('vault/guard-place', 'A token is named by its module, its label and the file with its PIN.')
