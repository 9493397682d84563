import { Fault, type Result, refuse } from '#base'
import type { Migration } from '#store'
import type { Certificate } from '#wire/x509'
import type { KeyPlace, KeyStore, SigningKey } from '../keys/signing-key.ts'
import { softwareKeys } from '../keys/software-keys.ts'
import type { PkiPorts } from '../ports.ts'

/** Where the key of an authority of ours is: in a place of keys, or `none` when it was taken out of this hub. */
export type AuthorityPlace = KeyPlace | 'none'

/** How the key of one authority is found again: its place, what that place knows it by, and what it is kept for. */
export type KeptKey = { readonly place: AuthorityPlace; readonly sealedKey: Buffer; readonly purpose: string }

/**
 * Rows of authorities say where their keys are and who made them. Those that were there before are our own, in software, kept for
 * `pki/ROLE/SERIAL`. `chain`: for imported ones, what stands above, nearest first, DER after DER. `pki_issuer_request`: keys that wait for a
 * certificate from elsewhere. `pki_anchor`: roots of others at which our own imported issuers end.
 */
export const authorityKeyMigrations: readonly Migration[] = [
  {
    name: 'pki-authorities/001-keys',
    sql: `
      ALTER TABLE pki_keyring ADD COLUMN place TEXT NOT NULL DEFAULT 'software';
      ALTER TABLE pki_keyring ADD COLUMN purpose TEXT;
      ALTER TABLE pki_keyring ADD COLUMN origin TEXT NOT NULL DEFAULT 'ours';
      ALTER TABLE pki_keyring ADD COLUMN chain BLOB;
      CREATE TABLE pki_issuer_request (
        id TEXT PRIMARY KEY,
        role TEXT NOT NULL,
        place TEXT NOT NULL,
        reference BLOB NOT NULL,
        request BLOB NOT NULL,
        key_sha256 TEXT NOT NULL UNIQUE,
        made_at INTEGER NOT NULL
      );
      CREATE TABLE pki_anchor (
        fingerprint TEXT PRIMARY KEY,
        certificate BLOB NOT NULL,
        added_at INTEGER NOT NULL
      );
    `,
  },
]

type KeyPorts = Pick<PkiPorts, 'keys' | 'seal' | 'unseal'>

/** Where new keys of authorities are made: the configured place, or the memory of this process. */
export function placeOfNewKeys(ports: KeyPorts): KeyStore {
  return ports.keys ?? softwareKeys(ports)
}

/**
 * Opens the key of an authority of ours. In software it is opened now. In hardware it is looked for at its first signature, so that a hub starts
 * while its token is away: until then `sign` throws the Fault `pki/key-unavailable`. Refuses `pki/root-offline` for one that was taken out.
 */
export async function openAuthorityKey(ports: KeyPorts, certificate: Certificate, kept: KeptKey): Promise<Result<SigningKey>> {
  const { place, purpose, sealedKey } = kept
  if (place === 'none')
    return refuse(
      'pki/root-offline',
      'The key of this authority is kept elsewhere. Have what it shall sign signed there: thingwall pki issuer request.',
    )
  if (place === 'software') return softwareKeys(ports).open(purpose, sealedKey)
  return lateKey(place, certificate, async () => {
    const { keys } = ports
    if (keys?.place !== place)
      return refuse('pki/key-missing', `The key of ${certificate.subject.text} is kept in ${place}, which the settings no longer name.`)
    return keys.open(purpose, sealedKey)
  })
}

function lateKey(place: KeyPlace, { publicKey }: Certificate, open: () => Promise<Result<SigningKey>>): Result<SigningKey> {
  let opened: SigningKey | undefined
  const key: SigningKey = {
    place,
    publicKey,
    async sign(data) {
      if (opened === undefined) {
        const found = await open()
        if (!found.ok) throw new Fault('pki/key-unavailable', found.error.message)
        if (!found.value.publicKey.der.equals(publicKey.der))
          throw new Fault('pki/key-unavailable', 'The key that was found is not the one of this authority.')
        opened = found.value
      }
      return opened.sign(data)
    },
  }
  return { ok: true, value: key }
}
