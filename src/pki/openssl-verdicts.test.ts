import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { sign } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { instant } from '#base'
import {
  ListEntries,
  type NameConstraints,
  encodeExtensions,
  encodePem,
  encodeRevocationList,
  encodeTbsRevocationList,
  keyIdentifier,
  oids,
} from '#wire/x509'
import { type Party, type Wish, make } from '../../test/throwaway-ca.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { openForeignTrust } from './foreign-trust.ts'

/*
 * The same chains before our verifier and before OpenSSL's: what is good is good to both, and what is wrong is refused by both, for the same reason.
 */

const run = promisify(execFile)
const now = instant(Date.UTC(2026, 0, 15))
const root = make({ name: 'Works Root', ca: { pathLength: 1 } })
const issuer = make({ name: 'Works Devices', by: root, ca: { pathLength: 0 }, extendedKeyUsage: [oids.clientAuth] })
const servers = make({ name: 'Works Servers', by: root, ca: { pathLength: 0 }, extendedKeyUsage: [oids.serverAuth] })
/** Another key under the very name of the issuer. */
const twin = make({ name: 'Works Devices', by: root, ca: { pathLength: 0 }, extendedKeyUsage: [oids.clientAuth] })
const stranger = make({ name: 'Works Root', ca: { pathLength: 1 } })
const ended = make({ name: 'Works Ended', by: root, ca: { pathLength: 0 }, notAfter: instant(now - 1_000) })

const absent = Buffer.alloc(20)
const extra = (more: Parameters<typeof encodeExtensions>[0], oid: string) =>
  encodeExtensions(more).filter((one) => one.includes(Buffer.from(oid, 'hex')))
const plain = { keyUsage: [], extendedKeyUsage: [], subjectKeyId: absent } as const
const constrained = (nameConstraints: NameConstraints): Party =>
  make({
    name: 'Works Bound',
    by: root,
    ca: { pathLength: 0 },
    extensions: (honest) => [...honest, ...extra({ ...plain, nameConstraints }, '0603551d1e')],
  })
const named = (by: Party, value: string): Party =>
  make({
    name: 'pump-1',
    by,
    extensions: (honest) => [...honest, ...extra({ ...plain, alternativeNames: [{ kind: 'dns', value }] }, '0603551d11')],
  })
const bound = constrained({ permitted: [{ kind: 'dns', value: 'plant.example' }], excluded: [] })
const barred = constrained({ permitted: [], excluded: [{ kind: 'dns', value: 'plant.example' }] })
const leaf = (wish: Partial<Wish> = {}): Party => make({ name: 'pump-1', by: issuer, ...wish })
const good = leaf()
const lost = leaf()
const broken = leaf({ signature: (honest) => Buffer.concat([honest.subarray(0, -1), Buffer.from([(honest.at(-1) ?? 0) ^ 1])]) })
const noAuthority = make({ name: 'Works Leaf', by: issuer })

/** The list of the issuer: one certificate of it is lost. */
function list(): Buffer {
  const entries = new ListEntries()
  entries.add(Buffer.from(lost.certificate.serial, 'hex'), Math.floor(now / 1000), 1)
  const tbs = encodeTbsRevocationList(
    {
      algorithm: 'ecdsa-sha256',
      issuer: issuer.certificate.subject.der,
      authorityKeyId: keyIdentifier(issuer.certificate.publicKey),
      thisUpdate: instant(now - 60_000),
      nextUpdate: instant(now + 86_400_000),
      number: 1,
      point: undefined,
    },
    entries,
  )
  return encodeRevocationList(tbs, 'ecdsa-sha256', sign('sha256', tbs, issuer.key))
}

/** What we say, and the number of OpenSSL's reason (X509_V_ERR_...); 0 is a yes. `between` are presented besides the leaf. */
type Row = readonly [what: string, ours: string, theirs: number, leaf: Party, ...between: readonly Party[]]
const rows: readonly Row[] = [
  ['a good chain', 'accepted', 0, good, issuer],
  ['a name inside what the authority may name', 'accepted', 0, named(bound, 'a.plant.example'), bound],
  ['an expired leaf', 'pki/expired', 10, leaf({ notAfter: instant(now - 1_000) }), issuer],
  ['a leaf of tomorrow', 'pki/not-yet-valid', 9, leaf({ notBefore: instant(now + 1_000) }), issuer],
  ['an expired authority', 'pki/issuer-not-valid', 10, make({ name: 'pump-1', by: ended }), ended],
  ['a revoked leaf', 'pki/revoked', 23, lost, issuer],
  ['a leaf for servers', 'pki/wrong-usage', 26, leaf({ extendedKeyUsage: [oids.serverAuth] }), issuer],
  ['a leaf under the authority of servers', 'pki/wrong-usage', 26, make({ name: 'pump-1', by: servers }), servers],
  ['a name outside what the authority may name', 'pki/name-not-permitted', 47, named(bound, 'a.other.example'), bound],
  ['a name that the authority may not name', 'pki/name-not-permitted', 48, named(barred, 'a.plant.example'), barred],
  ['a mixed chain: the leaf of another key of the same name', 'pki/unknown-issuer', 20, make({ name: 'pump-1', by: twin }), issuer],
  ['a chain of a root of the same name', 'pki/unknown-issuer', 19, make({ name: 'pump-1', by: stranger }), stranger],
  ['no authority between', 'pki/unknown-issuer', 20, make({ name: 'pump-1', by: twin })],
  ['a leaf that signs itself', 'pki/unknown-issuer', 18, make({ name: 'pump-1' })],
  ['a leaf in the place of an authority', 'pki/issuer-not-ca', 79, make({ name: 'pump-1', by: noAuthority }), noAuthority, issuer],
  ['a signature that was changed', 'pki/bad-signature', 7, broken, issuer],
]

let folder: Awaited<ReturnType<typeof temporaryDirectory>>
const at = (name: string) => join(folder.path, name)
before(async () => {
  folder = await temporaryDirectory()
  await writeFile(at('root.pem'), encodePem('CERTIFICATE', root.der))
  await writeFile(at('list.pem'), `-----BEGIN X509 CRL-----\n${list().toString('base64')}\n-----END X509 CRL-----\n`)
})
after(() => folder[Symbol.asyncDispose]())

/** The number of the first reason that OpenSSL gives. */
async function openssl(file: string, leafOf: Party, between: readonly Party[], isListed: boolean): Promise<number> {
  await writeFile(at(`${file}.pem`), encodePem('CERTIFICATE', leafOf.der))
  await writeFile(at(`${file}.chain`), between.map(({ der }) => encodePem('CERTIFICATE', der)).join(''))
  const chain = between.length === 0 ? [] : ['-untrusted', at(`${file}.chain`)]
  const lists = isListed ? ['-crl_check', '-CRLfile', at('list.pem')] : []
  const words = [
    'verify',
    '-purpose',
    'sslclient',
    '-attime',
    `${now / 1000}`,
    '-CAfile',
    at('root.pem'),
    ...chain,
    ...lists,
    at(`${file}.pem`),
  ]
  try {
    await run('openssl', words)
    return 0
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error)
    return Number(/error (\d+) at/.exec(said)?.[1] ?? -1)
  }
}

for (const [number, [what, ours, theirs, presented, ...between]] of rows.entries())
  test(`${what}: we say ${ours}, and OpenSSL ${theirs === 0 ? 'takes it too' : `refuses it too (${theirs})`} [RFC 5280 6.1]`, async () => {
    const isListed = presented === good || presented === lost
    const trust = openForeignTrust([root.der], isListed ? [list()] : [])
    assert.ok(trust.ok)
    const chain = trust.value.verify(
      [presented, ...between].map(({ der }) => der),
      now,
    )
    const said = await openssl(`case-${number}`, presented, between, isListed)
    assert.deepEqual([chain.ok ? 'accepted' : chain.error.code, said], [ours, theirs])
  })
