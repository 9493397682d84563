import { type Result, refuse, ok } from '#base'
import { type Certificate, parseCertificate } from '#wire/x509'
import { type Foundry, type Kept, keptOf } from '../authority.ts'
import { bytesOf } from '../row.ts'
import type { IssuerRole } from './imported-path.ts'

/** An issuer of ours that somebody else signed: where its key is, and what stands between it and their root, nearest first. */
export type Imported = Kept & { readonly chain: readonly Certificate[] }

const damaged = () => refuse('pki/keyring-damaged', 'A certificate of this hub is damaged in the store. Restore the store from its backup.')

/**
 * The issuer of a role that was imported last, unless it was revoked. It signs even when it nears its end: to fall back on our own root unasked would be
 * to change whom clients must trust.
 */
export async function newestImported({ ports, inventory }: Foundry, role: IssuerRole): Promise<Result<Imported | undefined>> {
  const rows = await ports.store.query(`SELECT * FROM pki_keyring WHERE role = ? AND origin = 'imported' ORDER BY rowid DESC`, role)
  for (const row of rows) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok) return damaged()
    if (inventory.revokedAt(read.value.serial) !== undefined) continue
    const chain = splitCertificates(bytesOf(row, 'chain'))
    return chain.ok ? ok({ ...keptOf(row, role, read.value), chain: chain.value }) : chain
  }
  return ok(undefined)
}

/** The roots of others at which our imported issuers end, and the authorities between. */
export async function readForeignAuthorities({
  ports,
}: Pick<Foundry, 'ports'>): Promise<Result<{ readonly anchors: readonly Certificate[]; readonly between: readonly Certificate[] }>> {
  const anchors: Certificate[] = []
  for (const row of await ports.store.query('SELECT certificate FROM pki_anchor ORDER BY rowid')) {
    const read = parseCertificate(Buffer.from(bytesOf(row, 'certificate')))
    if (!read.ok) return damaged()
    anchors.push(read.value)
  }
  const between: Certificate[] = []
  for (const row of await ports.store.query(`SELECT chain FROM pki_keyring WHERE origin = 'imported' AND chain IS NOT NULL`)) {
    const read = splitCertificates(bytesOf(row, 'chain'))
    if (!read.ok) return read
    between.push(...read.value)
  }
  return ok({ anchors, between })
}

/** Certificates, DER after DER: each says in its first bytes how long it is. */
function splitCertificates(bytes: Buffer): Result<readonly Certificate[]> {
  const found: Certificate[] = []
  let rest = bytes
  while (rest.length > 0) {
    // A certificate is longer than 255 bytes and shorter than 64 KiB: two bytes of length after the tag.
    const length = rest[0] === 0x30 && rest[1] === 0x82 ? 4 + rest.readUInt16BE(2) : 0
    const read = length === 0 ? damaged() : parseCertificate(Buffer.from(rest.subarray(0, length)))
    if (!read.ok) return damaged()
    found.push(read.value)
    rest = rest.subarray(length)
  }
  return ok(found)
}
