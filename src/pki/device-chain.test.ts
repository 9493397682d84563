import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { test } from 'node:test'
import { type Result, instant } from '#base'
import { oids } from '#wire/x509'
import { type Party, type Wish, make, makeDer } from '../../test/throwaway-ca.ts'
import { DeviceChains, leafFacts } from './device-chain.ts'

const now = instant(Date.UTC(2026, 0, 1))
const day = 24 * 3_600_000
const root = make({ name: 'Root', ca: { pathLength: 1 } })
const issuing = make({ name: 'Devices', by: root, ca: { pathLength: 0 }, extendedKeyUsage: [oids.clientAuth] })
const servers = make({ name: 'Servers', by: root, ca: { pathLength: 0 }, extendedKeyUsage: [oids.serverAuth] })

function chains(revoked: ReadonlySet<string> = new Set()): DeviceChains {
  return new DeviceChains(
    { anchors: [root.certificate], issuers: [issuing.certificate, servers.certificate] },
    { serial: (serial) => revoked.has(serial), denied: (kind, value) => revoked.has(`${kind} ${value}`) },
  )
}

function codeOf(result: Result<unknown>): string {
  return result.ok ? 'accepted' : result.error.code
}

function verdict(leaf: Buffer, ...others: readonly Party[]): string {
  return codeOf(chains().verify([leaf, ...others.map(({ der }) => der)], now))
}

const leaf = (wish: Partial<Wish> = {}) => make({ name: 'pump-1', by: issuing, ...wish })
const without = (oid: string) => (honest: readonly Buffer[]) => honest.filter((extension) => !extension.includes(Buffer.from(oid, 'hex')))
const basicConstraints = '0603551d13'
const keyUsage = '0603551d0f'

test('accepts a leaf with or without its issuer presented, and with the root presented too [RFC 5280 6.1]', () => {
  const { der } = leaf()
  assert.equal(verdict(der), 'accepted')
  assert.equal(verdict(der, issuing), 'accepted')
  assert.equal(verdict(der, issuing, root), 'accepted')
  assert.equal(verdict(der, root, servers, issuing), 'accepted', 'in any order')
})

test('says who it verified', () => {
  const { der, certificate } = leaf()
  const found = chains().verify([der], now)
  assert(found.ok)
  assert.equal(found.value.commonName, 'pump-1')
  assert.equal(found.value.deviceId, 'pump-1')
  assert.equal(found.value.serial, certificate.serial)
  assert.match(found.value.fingerprintSha256, /^[0-9a-f]{64}$/)
})

test('accepts an intermediate that only the client has, when a known authority signed it', () => {
  const open = make({ name: 'Open Root', ca: { pathLength: 2 } })
  const one = make({ name: 'One', by: open, ca: { pathLength: 1 } })
  const two = make({ name: 'Two', by: one, ca: { pathLength: 0 } })
  const { der } = make({ name: 'pump-1', by: two })
  const known = new DeviceChains({ anchors: [open.certificate], issuers: [] }, { serial: () => false, denied: () => false })
  assert.equal(codeOf(known.verify([der, one.der, two.der], now)), 'accepted')
  assert.equal(codeOf(chains().verify([der, one.der, two.der], now)), 'pki/unknown-issuer')
})

const stranger = make({ name: 'Root', ca: { pathLength: 1 } })
const impostor = make({ name: 'Devices', by: stranger, ca: { pathLength: 0 } })

const refused: readonly (readonly [string, string, () => string])[] = [
  ['nothing at all', 'pki/no-certificate', () => codeOf(chains().verify([], now))],
  ['junk', 'x509/malformed', () => verdict(Buffer.from('junk'))],
  ['junk behind a good leaf', 'x509/malformed', () => codeOf(chains().verify([leaf().der, Buffer.from('junk')], now))],
  ['a heap of certificates', 'pki/chain-too-long', () => verdict(leaf().der, ...Array.from({ length: 8 }, () => issuing))],
  ['a self-signed leaf', 'pki/unknown-issuer', () => verdict(make({ name: 'pump-1' }).der)],
  [
    'a leaf of a stranger with our names',
    'pki/unknown-issuer',
    () => verdict(make({ name: 'pump-1', by: impostor }).der, impostor, stranger),
  ],
  [
    'a leaf that a stranger signed under our key identifier',
    'pki/bad-signature',
    () => verdict(leaf({ signedWith: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey }).der),
  ],
  [
    'a signature of r = s = 0 (CVE-2022-24884)',
    'pki/bad-signature',
    () => verdict(leaf({ signature: () => Buffer.from('3006020100020100', 'hex') }).der),
  ],
  ['an empty signature', 'pki/bad-signature', () => verdict(leaf({ signature: () => Buffer.alloc(0) }).der)],
  ['an expired leaf', 'pki/expired', () => verdict(leaf({ notAfter: instant(now - 1000) }).der)],
  ['a leaf not yet valid', 'pki/not-yet-valid', () => verdict(leaf({ notBefore: instant(now + 1000) }).der)],
  ['a leaf for servers', 'pki/wrong-usage', () => verdict(leaf({ extendedKeyUsage: [oids.serverAuth] }).der)],
  ['a leaf for any use', 'pki/wrong-usage', () => verdict(leaf({ extendedKeyUsage: ['2.5.29.37.0'] }).der)],
  ['a leaf whose key may not sign', 'pki/wrong-usage', () => verdict(leaf({ keyUsage: ['keyEncipherment'] }).der)],
  ['a leaf of the issuer of servers', 'pki/wrong-usage', () => verdict(leaf({ by: servers }).der)],
  ['an authority in the place of a leaf', 'pki/wrong-usage', () => verdict(issuing.der)],
  ['the trust anchor in the place of a leaf', 'pki/wrong-usage', () => verdict(root.der)],
  [
    'a leaf that another leaf signed, an intermediate without CA flag (GHSA-2328-f5f3-gj25)',
    'pki/issuer-not-ca',
    () => {
      const honest = leaf({ keyUsage: ['digitalSignature', 'keyCertSign'] })
      return verdict(make({ name: 'pump-2', by: honest }).der, honest, issuing)
    },
  ],
  [
    'an intermediate with neither basic constraints nor key usage (GHSA-2328-f5f3-gj25)',
    'pki/issuer-not-ca',
    () => {
      const bare = make({ name: 'Bare', by: root, extensions: (honest) => without(keyUsage)(without(basicConstraints)(honest)) })
      return verdict(make({ name: 'pump-2', by: bare }).der, bare)
    },
  ],
  [
    'an intermediate with the CA flag but no right to sign certificates',
    'pki/issuer-not-ca',
    () => {
      const weak = make({ name: 'Weak', by: root, ca: { pathLength: 0 }, keyUsage: ['digitalSignature'] })
      return verdict(make({ name: 'pump-2', by: weak }).der, weak)
    },
  ],
  [
    'an intermediate below an authority of path length 0',
    'pki/path-too-long',
    () => {
      const below = make({ name: 'Below', by: issuing, ca: { pathLength: 0 } })
      return verdict(make({ name: 'pump-2', by: below }).der, below)
    },
  ],
  [
    'an authority that constrains names of a form that we do not know, even uncritically',
    'pki/unsupported-constraint',
    () => {
      const raw = Buffer.from('30100603551d1e04093007a005300388012a', 'hex')
      const bound = make({ name: 'Bound', by: root, ca: { pathLength: 0 }, extensions: (honest) => [...honest, raw] })
      return verdict(make({ name: 'pump-2', by: bound }).der, bound)
    },
  ],
  [
    'an expired intermediate',
    'pki/issuer-not-valid',
    () => {
      const old = make({ name: 'Old', by: root, ca: { pathLength: 0 }, notAfter: instant(now - day) })
      return verdict(make({ name: 'pump-2', by: old }).der, old)
    },
  ],
  [
    'an unknown critical extension',
    'x509/unknown-critical-extension',
    () =>
      verdict(
        makeDer({ name: 'pump-1', by: issuing, extensions: (honest) => [...honest, Buffer.from('300c06032a03040101ff04020500', 'hex')] })
          .der,
      ),
  ],
  [
    'an empty extended key usage (CVE-2026-40097)',
    'x509/malformed',
    () =>
      verdict(
        makeDer({
          name: 'pump-1',
          by: issuing,
          extensions: (honest) => [...honest.slice(0, 2), Buffer.from('30090603551d2504023000', 'hex')],
        }).der,
      ),
  ],
  [
    'the same extension twice',
    'x509/malformed',
    () => verdict(makeDer({ name: 'pump-1', by: issuing, extensions: (honest) => [...honest, ...honest.slice(0, 1)] }).der),
  ],
]

for (const [what, code, say] of refused) test(`refuses ${what}: ${code}`, () => assert.equal(say(), code))

test('accepts a leaf that does not say what it is for, under an authority for clients [RFC 5280 4.2.1.12]', () => {
  const silent = leaf({ extendedKeyUsage: [], extensions: without(keyUsage) })
  assert.equal(silent.certificate.extensions.extendedKeyUsage, undefined)
  assert.equal(verdict(silent.der), 'accepted')
})

test('look-alike issuers cost a bounded number of signatures', () => {
  const names = Array.from({ length: 7 }, () => make({ name: 'Twin', ca: { pathLength: 1 }, extensions: (honest) => honest.slice(0, 2) }))
  const [first] = names
  assert(first)
  const twin = make({
    name: 'Twin',
    by: { ...first, certificate: first.certificate },
    ca: { pathLength: 1 },
    extensions: (honest) => honest.slice(0, 2),
  })
  const { der } = make({ name: 'pump-1', by: twin, extensions: (honest) => honest.slice(0, 2) })
  assert.notEqual(verdict(der, ...names), 'accepted')
})

test('asks for revocation and time at every connect, also of a leaf it remembers', () => {
  const revoked = new Set<string>()
  const known = chains(revoked)
  const { der, certificate } = leaf()
  assert.equal(codeOf(known.verify([der], now)), 'accepted')
  revoked.add(certificate.serial)
  assert.equal(codeOf(known.verify([der], now)), 'pki/revoked')
  revoked.delete(certificate.serial)
  assert.equal(codeOf(known.verify([der], instant(certificate.notAfter))), 'accepted')
  assert.equal(codeOf(known.verify([der], instant(certificate.notAfter + 1))), 'pki/expired')
  assert.equal(codeOf(known.verify([der], instant(certificate.notBefore - 1))), 'pki/not-yet-valid')
  revoked.add(issuing.certificate.serial)
  assert.equal(codeOf(known.verify([der], now)), 'pki/issuer-revoked')
})

test('refuses a leaf by its fingerprint, its key and the key of its issuer, whoever signed, and also one that is pinned', () => {
  const revoked = new Set<string>()
  const known = chains(revoked)
  const { der } = leaf()
  const found = known.verify([der], now)
  assert(found.ok)
  const { fingerprintSha256, keySha256, chain } = found.value.proof
  assert.deepEqual(chain.serials, [issuing.certificate.serial, root.certificate.serial])
  const cases = [
    [`fingerprint ${fingerprintSha256}`, 'pki/revoked', 'pki/revoked'],
    [`key ${keySha256}`, 'pki/revoked', 'pki/revoked'],
    [`issuer ${chain.keyIds[0]}`, 'pki/issuer-revoked', 'accepted'],
    [`issuer ${chain.keyIds[1]}`, 'pki/issuer-revoked', 'accepted'],
    [root.certificate.serial, 'pki/issuer-revoked', 'accepted'],
  ] as const
  for (const [what, verified, pinned] of cases) {
    revoked.clear()
    revoked.add(what)
    assert.deepEqual([codeOf(known.verify([der], now)), codeOf(known.facts(der))], [verified, pinned], what)
  }
})

test('forgets what it verified when other authorities are trusted', () => {
  const known = chains()
  const { der } = leaf()
  assert.equal(codeOf(known.verify([der], now)), 'accepted')
  known.trust({ anchors: [stranger.certificate], issuers: [] })
  assert.equal(codeOf(known.verify([der], now)), 'pki/unknown-issuer')
})

test('a leaf refused once is judged anew, not remembered as good (mosquitto 2.0.9)', () => {
  const known = chains()
  const { der } = make({ name: 'pump-1', by: impostor })
  for (let n = 0; n < 3; n++) assert.equal(codeOf(known.verify([der, impostor.der, stranger.der], now)), 'pki/unknown-issuer')
})

test('a bit flipped anywhere in a leaf never verifies', () => {
  const { der } = leaf()
  const known = chains()
  for (let at = 0; at < der.length; at++) {
    const hurt = Buffer.from(der)
    hurt[at] = (hurt[at] ?? 0) ^ (1 << (at % 8))
    assert.notEqual(codeOf(known.verify([hurt], now)), 'accepted', `byte ${at}`)
  }
})

test('a leaf that is no device id verifies but names no device; one without a common name is refused', () => {
  const odd = chains().verify([leaf({ name: 'pump 1/a' }).der], now)
  assert(odd.ok)
  assert.equal(odd.value.deviceId, undefined)
  assert.equal(verdict(leaf({ subject: Buffer.from('3000', 'hex') }).der), 'pki/no-common-name')
})

test('says what a self-signed leaf says about itself, expired or not, without trusting it', () => {
  const { der, certificate } = make({ name: 'pump-1', ca: { pathLength: 0 }, notAfter: instant(now - day) })
  const facts = leafFacts(der)
  assert(facts.ok)
  assert.deepEqual([facts.value.commonName, facts.value.notAfter, facts.value.issuer], ['pump-1', certificate.notAfter, 'CN=pump-1'])
  assert.equal(codeOf(leafFacts(Buffer.alloc(0))), 'x509/malformed')
})
