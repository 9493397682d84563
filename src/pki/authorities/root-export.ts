import { createPrivateKey, verify } from 'node:crypto'
import { type Grant, type Result, Secret, ok, refuse } from '#base'
import { encodePem, importPublicKey } from '#wire/x509'
import { type Foundry, fingerprintOf } from '../authority.ts'
import { type Root, readRoots } from './roots.ts'

/** The fewest characters of a passphrase under which a root's key leaves: what guards it then is the passphrase alone. */
export const passphraseCharacters = 20

/** What removing a root's key did: what an auditor compares with what is kept elsewhere. */
export type RemovedKey = {
  readonly serial: string
  readonly fingerprintSha256: string
  readonly subject: string
  readonly removedAt: number
}

/** What proves that an exported file opens: this text, signed by the root's key with ECDSA and SHA-256. */
export function removalText(serial: string): Buffer {
  return Buffer.from(`thingwall: remove the key of root ${serial} from its hub`)
}

/**
 * The active root's certificate and its key, encrypted under a passphrase (PEM; PKCS #8, PBES2 with AES-256, which OpenSSL opens). Audited before it is handed out.
 * `pki/key-not-exportable` for a key in hardware, `pki/weak-passphrase` for fewer than 20 characters, `pki/root-offline` when it is not here.
 */
export async function exportRoot(foundry: Foundry, grant: Grant<'pki.administer'>, passphrase: Secret): Promise<Result<Secret>> {
  const { ports } = foundry
  if (passphrase.use((bytes) => bytes.length) < passphraseCharacters)
    return refuse('pki/weak-passphrase', `A passphrase for a root's key has at least ${passphraseCharacters} characters.`)
  const root = await activeRoot(foundry)
  if (!root.ok) return root
  const { serial, place, purpose, sealedKey, certificate } = root.value
  if (place === 'none') return refuse('pki/root-offline', 'The key of this root was taken out of this hub already.')
  if (place !== 'software') return refuse('pki/key-not-exportable', `The key of this root is kept in ${place} and cannot leave it.`)
  const opened = ports.unseal(purpose, sealedKey)
  if (!opened.ok) return opened
  using secret = opened.value
  const audited = await ports.commit(grant, { action: 'pki.root-export', resource: `certificate:${serial}` }, [])
  if (!audited.ok) throw new Error('bug: an entry without rows conflicts with nothing')
  const key = secret.use((der) => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }))
  const pem = passphrase.use((bytes) => key.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: Buffer.from(bytes) }))
  return ok(new Secret(Buffer.from(encodePem('CERTIFICATE', certificate.der) + pem, 'latin1')))
}

/**
 * Removes the active root's key from this hub, for good. `proof` is {@link removalText} signed by the key as exported: nobody removes a key
 * whose export does not open. `pki/export-not-proven` otherwise.
 */
export async function removeRootKey(foundry: Foundry, grant: Grant<'pki.administer'>, proof: Buffer): Promise<Result<RemovedKey>> {
  const { ports } = foundry
  const root = await activeRoot(foundry)
  if (!root.ok) return root
  const { serial, place, certificate } = root.value
  if (place === 'none') return refuse('pki/root-offline', 'The key of this root was taken out of this hub already.')
  if (place !== 'software') return refuse('pki/key-not-exportable', `The key of this root is kept in ${place} and cannot leave it.`)
  const key = importPublicKey(certificate.publicKey)
  if (!key || !verify('sha256', removalText(serial), key, proof))
    return refuse(
      'pki/export-not-proven',
      'That was not signed by the key of this root: what was exported does not open, or is of another root.',
    )
  const fingerprintSha256 = fingerprintOf(certificate.der)
  const audit = { action: 'pki.root-remove-key', resource: `certificate:${serial}`, detail: { fingerprint: fingerprintSha256 } }
  const removed = await ports.commit(grant, audit, [
    {
      sql: `UPDATE pki_keyring SET place = 'none', sealed_key = ? WHERE serial = ? AND role = 'root' AND place = 'software'`,
      args: [Buffer.alloc(0), serial],
      expect: 1,
    },
  ])
  if (!removed.ok) return refuse('pki/root-offline', 'The key of this root was taken out of this hub already.')
  return ok({ serial, fingerprintSha256, subject: certificate.subject.text, removedAt: ports.clock.now() })
}

async function activeRoot(foundry: Foundry): Promise<Result<Root>> {
  const roots = await readRoots(foundry)
  if (!roots.ok) return roots
  const active = roots.value.findLast(({ state }) => state === 'active')
  if (!active) throw new Error('bug: no root is active')
  return ok(active)
}
