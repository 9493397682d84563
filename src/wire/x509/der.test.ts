import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant } from '#base'
import { type DerNode, contentOf, readDer, wholeOf } from './der-reader.ts'
import { readBoolean, readNamedBits, readOid, readText, readTime, readUnsigned } from './der-values.ts'
import { boolean, element, namedBits, octetString, oid, sequence, time, unsignedInteger, utf8String } from './der-writer.ts'
import { limits } from './limits.ts'
import { Malformed } from './malformed.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

const broken: readonly (readonly [string, Buffer])[] = [
  ['nothing', hex('')],
  ['a tag alone', hex('30')],
  ['a cut length', hex('3081')],
  ['cut content', hex('0403 0102')],
  ['bytes behind the end', hex('0500 00')],
  ['two elements', hex('0500 0500')],
  ['an indefinite length [X.690 10.1]', hex('3080 0500 0000')],
  ['the reserved length FF', hex('30ff')],
  ['a long length that fits a short one [X.690 10.1]', hex('0481 01 00')],
  ['a length with leading zeros [X.690 10.1]', hex('0482 0001 00')],
  ['a length of 2^32', hex('0484 ffffffff')],
  ['a child longer than its parent', hex('3003 0402 01')],
  ['a parent longer than its children by a byte', hex('3003 0500 05')],
  ['a constructed octet string [X.690 10.2]', hex('2404 0402 0102')],
  ['a primitive sequence', hex('1000')],
  ['a high tag number', hex('1f8101 00')],
  ['an end-of-contents marker', hex('3002 0000')],
]

for (const [what, bytes] of broken) test(`the reader refuses ${what}`, () => assert.throws(() => readDer(bytes), Malformed))

function nest(levels: number): Buffer {
  let inner: Buffer = Buffer.alloc(0)
  for (let n = 0; n < levels; n++) inner = sequence(inner)
  return inner
}

test('nesting is bounded, and a nest of thousands does not exhaust the stack (CVE-2025-66031)', () => {
  readDer(nest(limits.depth))
  assert.throws(() => readDer(nest(limits.depth + 1)), /deeper/)
  assert.throws(() => readDer(nest(3_000)), /deeper/)
})

test('bytes and elements are bounded', () => {
  assert.throws(() => readDer(Buffer.alloc(limits.structureBytes + 1)), /larger/)
  const many = Array.from({ length: limits.nodes }, () => Buffer.from([5, 0]))
  assert.throws(() => readDer(sequence(...many)), /more than/)
  assert.equal(readDer(sequence(...many.slice(1))).children.length, limits.nodes - 1)
})

type Tree = Buffer | readonly Tree[]

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5 },
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('tree'), { maxLength: 4 }),
  ),
}))

function encode(one: Tree): Buffer {
  return Buffer.isBuffer(one) ? octetString(one) : sequence(...one.map(encode))
}

function decode(node: DerNode): Tree {
  return node.tag === 0x30 ? node.children.map(decode) : contentOf(node)
}

test('what the writer writes the reader reads back, whatever the shape', () =>
  fc.assert(
    fc.property(tree, (shape) => {
      const bytes = encode(shape)
      const node = readDer(bytes)
      assert.deepEqual(decode(node), shape)
      assert.deepEqual(wholeOf(node), bytes)
    }),
  ))

test('any bytes give a tree or a refusal, and a tree covers every byte', () =>
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        const node = readDer(Buffer.from(bytes))
        assert.equal(node.end - node.start, bytes.length)
      } catch (error) {
        assert(error instanceof Malformed)
      }
    }),
    { numRuns: 2_000 },
  ))

test('unsigned integers are written in as few bytes as they take, and read back', () =>
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 160n }), (value) => {
      const text = value.toString(16)
      const bytes = Buffer.from(text.length % 2 ? `0${text}` : text, 'hex')
      const read = readUnsigned(readDer(unsignedInteger(Buffer.concat([Buffer.alloc(3), bytes]))), 'it')
      assert.equal(BigInt(`0x${read.toString('hex')}`), value)
    }),
  ))

const values: readonly (readonly [string, string, (node: DerNode) => unknown])[] = [
  ['a negative integer', '0201 80', (node) => readUnsigned(node, 'it')],
  ['an integer with a padding byte [X.690 8.3.2]', '0202 0001', (node) => readUnsigned(node, 'it')],
  ['an empty integer', '0200', (node) => readUnsigned(node, 'it')],
  ['a boolean of 01 [X.690 11.1]', '0101 01', (node) => readBoolean(node, 'it')],
  ['an empty object identifier', '0600', (node) => readOid(node, 'it')],
  ['an object identifier cut in an arc', '0602 2a86', (node) => readOid(node, 'it')],
  ['an object identifier with a padded arc [X.690 8.19.2]', '0603 2a8001', (node) => readOid(node, 'it')],
  ['an object identifier with an arc above 2^53', '0609 2affffffffffffff7f', (node) => readOid(node, 'it')],
  ['named bits with a trailing zero bit [X.690 11.2.2]', '0302 0680', (node) => readNamedBits(node, 'it')],
  ['named bits with garbage in unused bits', '0302 0781', (node) => readNamedBits(node, 'it')],
  ['named bits that claim eight unused ones', '0302 0880', (node) => readNamedBits(node, 'it')],
  ['text that is not UTF-8', '0c02 c328', (node) => readText(node, 'it')],
  ['text in an overlong encoding', '0c02 c080', (node) => readText(node, 'it')],
  ['text with NUL inside', '0c03 610062', (node) => readText(node, 'it')],
  ['a printable string with @', '1301 40', (node) => readText(node, 'it')],
  ['a Teletex string', '1401 61', (node) => readText(node, 'it')],
]

for (const [what, bytes, read] of values) test(`refuses ${what}`, () => assert.throws(() => read(readDer(hex(bytes))), Malformed))

test('object identifiers read back as dotted text', () => {
  for (const dotted of ['1.2.840.113549.1.1.11', '2.5.29.37.0', '0.9.2342', '2.999.1', '1.3.6.1.4.1.311.20.2.3', '2.25.9007199254740000'])
    assert.equal(readOid(readDer(oid(dotted)), 'it'), dotted)
})

test('named bits read back', () => {
  for (const bits of [[], [0], [5, 6], [7], [8], [0, 8]]) assert.deepEqual(readNamedBits(readDer(namedBits(bits)), 'it'), bits)
  assert.equal(namedBits([5, 6]).toString('hex'), '03020106')
})

test('booleans and text read back', () => {
  assert.deepEqual(
    [true, false].map((one) => readBoolean(readDer(boolean(one)), 'it')),
    [true, false],
  )
  assert.equal(readText(readDer(utf8String('Werk Süd 7 ⚙')), 'it'), 'Werk Süd 7 ⚙')
})

test('times read back to the second, on both sides of 2050 [RFC 5280 4.1.2.5]', () => {
  fc.assert(
    fc.property(fc.integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 }), (seconds) => {
      assert.equal(readTime(readDer(time(instant(seconds * 1000))), 'it'), seconds * 1000)
    }),
  )
  assert.equal(time(instant(Date.UTC(2049, 11, 31, 23, 59, 59)))[0], 0x17)
  assert.equal(time(instant(Date.UTC(2050, 0, 1)))[0], 0x18)
})

for (const [what, tag, text] of [
  ['a time without seconds', 0x17, '2601010000Z'],
  ['a time with an offset', 0x17, '260101000000+0100'],
  ['a time with fractions of a second', 0x18, '20500101000000.5Z'],
  ['a time before 2050 as GeneralizedTime', 0x18, '20490101000000Z'],
  ['the 30th of February', 0x17, '260230000000Z'],
  ['the hour 24', 0x17, '260101240000Z'],
  ['the second 60', 0x17, '260101000060Z'],
] as const)
  test(`refuses ${what} [RFC 5280 4.1.2.5]`, () => assert.throws(() => readTime(readDer(element(tag, Buffer.from(text))), 'it'), Malformed))
