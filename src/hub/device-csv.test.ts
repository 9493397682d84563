import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limits } from '#base'
import { parseDeviceCsv } from './device-csv.ts'

const print = 'a'.repeat(64)

function codes(text: string): readonly (readonly [number, string])[] {
  const parsed = parseDeviceCsv(text)
  return parsed.ok ? [] : parsed.error.map(({ line, code }) => [line, code] as const)
}

test('reads ids alone, and ids with one or two thumbprints', () => {
  const ids = parseDeviceCsv('id\npump-1\npump-2\n')
  assert.deepEqual(ids.ok && ids.value.map(({ line, spec }) => [line, spec.id, spec.authentication.type]), [
    [2, 'pump-1', 'certificateAuthority'],
    [3, 'pump-2', 'certificateAuthority'],
  ])
  const prints = parseDeviceCsv(`\ufeffid,primaryThumbprint,secondaryThumbprint\r\na,${print.toUpperCase()},\r\nb,,${print}\r\nc\r\n`)
  assert.deepEqual(prints.ok && prints.value.map(({ spec }) => spec.authentication), [
    { type: 'selfSigned', primaryThumbprint: print, secondaryThumbprint: null },
    { type: 'selfSigned', primaryThumbprint: null, secondaryThumbprint: print },
    { type: 'certificateAuthority' },
  ])
})

const wrong: readonly (readonly [string, string, readonly (readonly [number, string])[]])[] = [
  ['no header', 'pump-1\n', [[1, 'hub/csv-header']]],
  ['an empty file', '', [[1, 'hub/csv-header']]],
  ['a header with other columns', 'id,key\na,b\n', [[1, 'hub/csv-header']]],
  ['a column too many', 'id\na,b\n', [[2, 'hub/csv-columns']]],
  ['an empty line', 'id\na\n\nb\n', [[3, 'base/device-id-malformed']]],
  ['quotes', 'id\n"a"\n', [[2, 'hub/csv-quotes']]],
  ['a space before an id', 'id\n a\n', [[2, 'base/device-id-malformed']]],
  ['a formula', 'id\n=a+b\n', [[2, 'base/device-id-malformed']]],
  ['a SHA-1 thumbprint', `id,primaryThumbprint\na,${'a'.repeat(40)}\n`, [[2, 'hub/sha1-thumbprint']]],
  [
    'a device twice, and another fault after it',
    'id\na\na\nb/c\n',
    [
      [3, 'hub/device-twice'],
      [4, 'base/device-id-malformed'],
    ],
  ],
]

for (const [what, text, expected] of wrong) test(`names the line of ${what}`, () => assert.deepEqual(codes(text), expected))

test('refuses more devices than one request may hold, and reports a hundred faults at most', () => {
  assert.deepEqual(codes(`id\n${'a\n'.repeat(limits.devicesPerRequest + 1)}`), [[1, 'hub/too-many-devices']])
  assert.equal(codes(`id\n${'/\n'.repeat(5_000)}`).length, 100)
})
