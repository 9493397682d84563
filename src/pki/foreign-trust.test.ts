import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { sign } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Instant, instant } from '#base'
import { ListEntries, encodePem, encodeRevocationList, encodeTbsRevocationList, keyIdentifier, oids } from '#wire/x509'
import { FakeClock } from '../../test/fake-clock.ts'
import { type Party, make } from '../../test/throwaway-ca.ts'
import { temporaryDirectory } from '../../test/throwaway-pki.ts'
import { openForeignTrust } from './foreign-trust.ts'
import { watchForeignLists } from './revocation/foreign-lists.ts'

const now = instant(Date.UTC(2026, 0, 15))
const root = make({ name: 'Contoso Root', ca: { pathLength: 1 } })
const issuer = make({ name: 'Contoso Issuer', by: root, ca: { pathLength: 0 }, notAfter: instant(Date.UTC(2026, 5, 1)) })
const leaf = make({ name: 'smart-lock', by: issuer })
const strangeRoot = make({ name: 'Contoso Root', ca: { pathLength: 1 } })

function verdict(anchors: readonly Party[], presented: readonly Party[], lists: readonly Buffer[] = [], at: Instant = now): string {
  const trust = openForeignTrust(
    anchors.map(({ der }) => der),
    lists,
  )
  if (!trust.ok) return trust.error.code
  const chain = trust.value.verify(
    presented.map(({ der }) => der),
    at,
  )
  return chain.ok ? (chain.value.commonName ?? '') : chain.error.code
}

const cases: readonly (readonly [string, readonly Party[], readonly Party[], string])[] = [
  ['a chain to a trusted root', [root], [leaf, issuer], 'smart-lock'],
  ['a chain to a trusted intermediate (edge.md 1.6)', [issuer], [leaf], 'smart-lock'],
  ['no intermediate', [root], [leaf], 'pki/unknown-issuer'],
  ['no certificate', [root], [], 'pki/no-certificate'],
  ['a root of the same name', [strangeRoot], [leaf, issuer, root], 'pki/unknown-issuer'],
  ['a leaf that signs itself', [root], [make({ name: 'smart-lock' })], 'pki/unknown-issuer'],
  ['the authority itself as a client', [root], [issuer], 'pki/wrong-usage'],
  ['a leaf for servers', [root], [make({ name: 's', by: issuer, extendedKeyUsage: [oids.serverAuth] }), issuer], 'pki/wrong-usage'],
  ['a leaf signed by a leaf (GHSA-2328-f5f3-gj25)', [root], [make({ name: 'x', by: leaf }), leaf, issuer], 'pki/issuer-not-ca'],
  ['an expired leaf', [root], [make({ name: 'old', by: issuer, notAfter: instant(now - 60_000) }), issuer], 'pki/expired'],
  ['a leaf of tomorrow', [root], [make({ name: 'new', by: issuer, notBefore: instant(now + 60_000) }), issuer], 'pki/not-yet-valid'],
  ['a leaf as anchor', [leaf], [leaf], 'pki/anchor-not-ca'],
]
for (const [name, anchors, presented, expected] of cases)
  test(`foreign trust: ${name} -> ${expected}`, () => assert.equal(verdict(anchors, presented), expected))

test('the end of a chain is that of its shortest member, and its subjects go from the leaf to the anchor', () => {
  const trust = openForeignTrust([root.der], [])
  assert.ok(trust.ok)
  const chain = trust.value.verify([leaf.der, issuer.der], now)
  assert.ok(chain.ok)
  assert.equal(chain.value.chainNotAfter, Date.UTC(2026, 5, 1))
  assert.deepEqual(
    chain.value.subjects.map(({ commonName }) => commonName),
    ['smart-lock', 'Contoso Issuer', 'Contoso Root'],
  )
})

test('a resumed session shows the leaf alone: the path is remembered, time and revocation are asked again', () => {
  const trust = openForeignTrust([root.der], [])
  assert.ok(trust.ok)
  assert.ok(trust.value.verify([leaf.der, issuer.der], now).ok)
  assert.ok(trust.value.verify([leaf.der], now).ok)
  const later = trust.value.verify([leaf.der], instant(Date.UTC(2026, 6, 1)))
  assert.equal(later.ok ? '' : later.error.code, 'pki/issuer-not-valid')
})

/** A list that OpenSSL signs for `party`, revoking `serials`, valid from now on for so many days of the real clock. */
async function revocationList(party: Party, serials: readonly string[], days = 30): Promise<Buffer> {
  await using folder = await temporaryDirectory()
  const file = (name: string, text: string) => writeFileSync(join(folder.path, name), text)
  file('ca.pem', encodePem('CERTIFICATE', party.der))
  file('ca.key', party.key.export({ type: 'pkcs8', format: 'pem' }))
  file('index.txt', serials.map((serial) => `R\t270101000000Z\t260101000000Z\t${serial.toUpperCase()}\tunknown\t/CN=x\n`).join(''))
  file('ca.cnf', '[ca]\ndefault_ca=own\n[own]\ndatabase=index.txt\ndefault_md=sha256\ncrlnumber=number\n')
  file('number', '01\n')
  const period = days > 0 ? ['-crldays', String(days)] : ['-crl_lastupdate', '20250101000000Z', '-crl_nextupdate', '20250201000000Z']
  execFileSync('openssl', ['ca', '-gencrl', '-config', 'ca.cnf', '-cert', 'ca.pem', '-keyfile', 'ca.key', '-out', 'list.pem', ...period], {
    cwd: folder.path,
    stdio: 'ignore',
  })
  execFileSync('openssl', ['crl', '-in', 'list.pem', '-outform', 'DER', '-out', 'list.der'], { cwd: folder.path, stdio: 'ignore' })
  return readFileSync(join(folder.path, 'list.der'))
}

test('revocation lists of a bundle count (edge.md 1.6, 4): revoked, stale and forged ones refuse, those of others do not matter', async () => {
  const real = instant(Date.now())
  const valid = { notBefore: instant(real - 1e9), notAfter: instant(real + 1e10) }
  const top = make({ name: 'Top', ca: { pathLength: 1 }, ...valid })
  const middle = make({ name: 'Middle', by: top, ca: { pathLength: 0 }, ...valid })
  const client = make({ name: 'client', by: middle, ...valid })
  const impostor = make({ name: 'Middle', ca: { pathLength: 0 }, ...valid })
  const at = instant(real + 60_000)
  const check = (lists: readonly Buffer[]) => verdict([top], [client, middle], lists, at)
  const { serial } = client.certificate
  assert.equal(check([await revocationList(middle, [])]), 'client')
  assert.equal(check([await revocationList(middle, [serial])]), 'pki/revoked')
  assert.equal(check([await revocationList(top, [middle.certificate.serial])]), 'pki/issuer-revoked')
  assert.equal(check([await revocationList(middle, [], 0)]), 'pki/revocation-stale')
  assert.equal(check([await revocationList(middle, [serial], 0)]), 'pki/revoked', 'an old list still knows what it knew')
  assert.equal(check([await revocationList(impostor, [])]), 'pki/revocation-unknown')
  assert.equal(check([await revocationList(impostor, []), await revocationList(middle, [])]), 'client')
  assert.equal(check([await revocationList(make({ name: 'Else', ca: { pathLength: 0 }, ...valid }), [serial])]), 'client')
  const noSigner = make({ name: 'Middle', by: top, ca: { pathLength: 0 }, keyUsage: ['keyCertSign'], ...valid })
  const own = make({ name: 'client', by: noSigner, ...valid })
  assert.equal(verdict([top], [own, noSigner], [await revocationList(noSigner, [])], at), 'pki/revocation-unknown')
  assert.equal(verdict([top], [client, middle], [Buffer.from('junk')], at), 'x509/malformed')
})

const scoped = (wish: { readonly point?: string; readonly deltaOf?: number; readonly revoked?: string }): Buffer => {
  const entries = new ListEntries()
  if (wish.revoked !== undefined) entries.add(Buffer.from(wish.revoked, 'hex'), Math.floor(now / 1000), 1)
  const { point, deltaOf } = wish
  const tbs = encodeTbsRevocationList(
    {
      algorithm: 'ecdsa-sha256',
      issuer: issuer.certificate.subject.der,
      authorityKeyId: keyIdentifier(issuer.certificate.publicKey),
      thisUpdate: instant(now - 1000),
      nextUpdate: instant(now + 86_400_000),
      number: 2,
      point,
      ...(deltaOf === undefined ? {} : { deltaOf }),
    },
    entries,
  )
  return encodeRevocationList(tbs, 'ecdsa-sha256', sign('sha256', tbs, issuer.key))
}

test('EMQX: a list that cannot be applied is an error, never passed over: another distribution point, a delta', () => {
  const check = (list: Buffer) => verdict([issuer], [leaf], [list])
  assert.equal(check(scoped({})), 'smart-lock')
  assert.equal(check(scoped({ revoked: leaf.certificate.serial })), 'pki/revoked')
  assert.equal(check(scoped({ point: 'http://ca.example/7.crl' })), 'pki/revocation-unknown')
  assert.equal(check(scoped({ deltaOf: 1 })), 'pki/list-is-delta')
})

test('a list of theirs that grows old is told at 50, 80 and 100 percent of its life, once each (mosquitto #1826)', () => {
  const clock = new FakeClock(now)
  const told: string[] = []
  using lists = watchForeignLists(clock, (fact) => {
    if (fact.kind === 'revocation-list-ageing') told.push(`${fact.whose} ${fact.issuer} ${fact.share}`)
  })
  lists.add([scoped({}), Buffer.from('junk')])
  const after = (hours: number) => {
    for (let n = 0; n < hours * 6; n++) clock.advance(600_000)
    return told.map((one) => one.replace(/.* /, ''))
  }
  assert.deepEqual(after(11), [])
  assert.deepEqual(after(2), ['50'])
  assert.deepEqual(after(7), ['50', '80'])
  assert.deepEqual(after(6), ['50', '80', '100'])
  assert.equal(told[0], 'theirs CN=Contoso Issuer 50')
})

test('an issuer without a list is refused where lists are required (edge.md 4)', () => {
  for (const [policy, expected] of [
    ['require', 'pki/revocation-missing'],
    ['ifPresent', 'accepted'],
  ] as const) {
    const trust = openForeignTrust([issuer.der], [], policy)
    assert.ok(trust.ok)
    const chain = trust.value.verify([leaf.der], now)
    assert.equal(chain.ok ? 'accepted' : chain.error.code, expected)
  }
})
