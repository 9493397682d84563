import assert from 'node:assert/strict'
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { importPublicKey, parsePublicKey } from './public-key.ts'
import { type SignatureAlgorithm, verifySignature } from './signature.ts'

/*
 * NIST's vectors for verifying signatures (CAVP, FIPS 186-3), through the one function by which everything here is verified: what was changed, or padded
 * in another way than PKCS #1 says, is refused.
 */

const place = '/usr/lib/python3/dist-packages/cryptography_vectors/asymmetric'
const skip = existsSync(place) ? false : 'needs the package python3-cryptography-vectors'
const digests = ['sha256', 'sha384', 'sha512'] as const

type Vector = { readonly section: string; readonly fields: ReadonlyMap<string, string> }

/** The vectors of a file: what stood in brackets above, and the fields, each ending with its Result. */
function* vectorsOf(file: string): Generator<Vector> {
  let section = ''
  let fields = new Map<string, string>()
  let kept = new Map<string, string>()
  for (const line of readFileSync(`${place}/${file}`, 'latin1').split(/\r?\n/)) {
    if (line.startsWith('[')) {
      section = line
      if (!line.includes('mod')) continue
      kept = new Map()
    }
    const [, name, text] = /^(\w+) = (.*)$/.exec(line) ?? []
    if (name === undefined || text === undefined) continue
    fields.set(name, text)
    if (name === 'n') kept.set(name, text)
    if (name !== 'Result') continue
    yield { section, fields: new Map([...kept, ...fields]) }
    fields = new Map()
  }
}

const bytes = (hex: string | undefined, length?: number) => {
  const even = (hex ?? '').length % 2 === 0 ? (hex ?? '') : `0${hex}`
  return Buffer.from(length === undefined ? even : even.padStart(length * 2, '0').slice(-length * 2), 'hex')
}
const base64url = (buffer: Buffer) => buffer.toString('base64url')

/** Through our own reader, as a key of a certificate comes. */
function keyOf(jwk: Parameters<typeof createPublicKey>[0] & { readonly format: 'jwk' }) {
  const read = parsePublicKey(createPublicKey(jwk).export({ type: 'spki', format: 'der' }))
  return read.ok ? importPublicKey(read.value) : undefined
}

/** INTEGER of DER. */
function integer(hex: string | undefined): Buffer {
  const plain = bytes(hex)
  const first = plain.findIndex((byte) => byte !== 0)
  const short = first < 0 ? Buffer.alloc(1) : plain.subarray(first)
  const whole = (short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), short]) : short
  return Buffer.concat([Buffer.from([2, whole.length]), whole])
}
const pair = (r: Buffer, s: Buffer) => {
  const content = Buffer.concat([r, s])
  return Buffer.concat([Buffer.from(content.length < 128 ? [0x30, content.length] : [0x30, 0x81, content.length]), content])
}

const tell = (algorithm: SignatureAlgorithm, key: ReturnType<typeof keyOf>, message: Buffer, signature: Buffer) => {
  try {
    return key !== undefined && verifySignature(algorithm, key, message, signature)
  } catch {
    return false
  }
}

test('every ECDSA vector of NIST on our curves has its verdict (CVE-2022-24884)', { skip }, () => {
  const counts = { yes: 0, no: 0 }
  for (const { section, fields } of vectorsOf('ECDSA/FIPS_186-3/SigVer.rsp')) {
    const [, curve, bits] = /^\[(P-256|P-384|P-521),SHA-(256|384|512)\]$/.exec(section) ?? []
    const digest = digests.find((one) => one === `sha${bits}`)
    if (curve === undefined || digest === undefined) continue
    const isGood = fields.get('Result')?.startsWith('P') === true
    const length = { 'P-256': 32, 'P-384': 48, 'P-521': 66 }[curve] ?? 0
    const point = { x: base64url(bytes(fields.get('Qx'), length)), y: base64url(bytes(fields.get('Qy'), length)) }
    let key: ReturnType<typeof keyOf>
    try {
      key = keyOf({ key: { kty: 'EC', crv: curve, ...point }, format: 'jwk' })
    } catch {
      key = undefined // the point was moved off its curve
    }
    const signature = pair(integer(fields.get('R')), integer(fields.get('S')))
    assert.equal(tell(`ecdsa-${digest}`, key, bytes(fields.get('Msg')), signature), isGood, `${section} ${fields.get('Msg')?.slice(0, 16)}`)
    counts[isGood ? 'yes' : 'no']++
  }
  assert.ok(counts.yes >= 20 && counts.no >= 80, JSON.stringify(counts))
})

test(
  'every PKCS #1 v1.5 vector of NIST on keys that we take has its verdict (CVE-2022-24771, CVE-2022-24772, CVE-2022-24773)',
  { skip },
  () => {
    const counts = { yes: 0, no: 0, weak: 0 }
    for (const { fields } of vectorsOf('RSA/FIPS_186-2/SigVer15_186-3.rsp')) {
      const digest = digests.find((one) => one === fields.get('SHAAlg')?.toLowerCase())
      if (digest === undefined) continue
      const isGood = fields.get('Result')?.startsWith('P') === true
      const [n, e] = [bytes(fields.get('n')), bytes(fields.get('e')?.replace(/^(00)+/, ''))]
      const key = keyOf({ key: { kty: 'RSA', n: base64url(n), e: base64url(e) }, format: 'jwk' })
      const said = tell(`rsa-${digest}`, key, bytes(fields.get('Msg')), bytes(fields.get('S'), n.length))
      if (n.length < 256 && key === undefined) counts.weak++
      else assert.equal(said, isGood, `${n.length * 8} ${digest} ${fields.get('Result')}`)
      counts[isGood ? 'yes' : 'no']++
    }
    assert.ok(counts.yes >= 6 && counts.no >= 30, JSON.stringify(counts))
  },
)

test('a good ECDSA signature in any other encoding than DER is refused, and so is every value that no signature has', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const message = Buffer.from('x')
  // Short integers only, so that each is changed where it is looked for.
  let good = sign('sha256', message, privateKey)
  while (good.length !== 70) good = sign('sha256', message, privateKey)
  const [r, s] = [good.subarray(2, 36), good.subarray(36)]
  const order = integer('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551')
  const [zero, one] = [integer('00'), integer('01')]
  const verdict = (signature: Buffer) => verifySignature('ecdsa-sha256', publicKey, message, signature)
  assert.ok(verdict(good))
  const bad: readonly (readonly [string, Buffer])[] = [
    ['nothing', Buffer.alloc(0)],
    ['r and s one after the other (P1363)', Buffer.concat([r.subarray(2), s.subarray(2)])],
    ['a byte behind it', Buffer.concat([good, Buffer.alloc(1)])],
    ['a length in the long form', Buffer.concat([Buffer.from([0x30, 0x81, 68]), good.subarray(2)])],
    ['an indefinite length', Buffer.concat([Buffer.from([0x30, 0x80]), good.subarray(2), Buffer.alloc(2)])],
    ['a zero in front of r', pair(Buffer.concat([Buffer.from([2, 33, 0]), r.subarray(2)]), s)],
    ['a third integer', Buffer.concat([Buffer.from([0x30, 71]), r, s, one])],
    ['one integer', Buffer.concat([Buffer.from([0x30, 34]), r])],
    ['r = 0', pair(zero, s)],
    ['s = 0', pair(r, zero)],
    ['r = s = 0', pair(zero, zero)],
    ['r = n', pair(order, s)],
    ['s = n', pair(r, order)],
    ['r = s = 1', pair(one, one)],
    ['r and s changed about', pair(s, r)],
  ]
  for (const [what, signature] of bad) assert.equal(verdict(signature), false, what)
})
