import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIfMatch } from './if-match.ts'
import { matchPath, pathSegments, plainPath, segmentsOf } from './match.ts'

const ids = (path: string, url: string) => {
  const parts = pathSegments(url)
  const match = parts === undefined ? undefined : matchPath(segmentsOf(path), parts)
  if (match === undefined) return 'another path'
  return match.ok ? Object.fromEntries(match.value) : match.error.code
}

for (const [name, path, url, expected] of [
  ['keywords compare without case, ids with it', '/twins/{id}/methods', '/TWINS/Pump-1/Methods?api-version=1', { id: 'Pump-1' }],
  ['a trailing slash is ignored', '/devices', '/devices/?api-version=1', {}],
  ['ids are percent-decoded once', '/devices/{id}', '/devices/d%201%2520', { id: 'd 1%20' }],
  ['an encoded slash is refused', '/devices/{id}', '/devices/a%2Fb', 'control/azure-malformed'],
  ['half an escape is refused', '/devices/{id}', '/devices/a%2', 'control/azure-malformed'],
  ['bytes that are no UTF-8 are refused', '/devices/{id}', '/devices/%ff', 'control/azure-malformed'],
  ['another length is another path', '/devices/{id}', '/devices/a/b', 'another path'],
  ['an empty segment is no path', '/devices/{id}', '/devices//', 'another path'],
  ['an absolute URL is no path', '/devices', 'https://elsewhere/devices', 'another path'],
] as const)
  test(`paths: ${name} (azure-wire 5)`, () => assert.deepEqual(ids(path, url), expected))

test('a path is named as its route spells it, with its ids as they are', () => {
  const pattern = segmentsOf('/devices/{id}/Modules/{module}')
  const match = matchPath(pattern, pathSegments('/DEVICES/d%251/modules/M1/?x=1') ?? [])
  assert.equal(match?.ok === true && plainPath(pattern, match.value), '/devices/d%1/modules/M1')
})

for (const [header, expected] of [
  [undefined, { kind: 'none' }],
  ['*', { kind: 'any' }],
  ['"*"', { kind: 'any' }],
  ['"abc="', { kind: 'etag', etag: 'abc=' }],
  ['abc=', { kind: 'etag', etag: 'abc=' }],
  ['W/"abc"', { kind: 'etag', etag: 'abc' }],
  ['""', 'control/azure-malformed'],
  ['', 'control/azure-malformed'],
  ['x'.repeat(257), 'control/azure-malformed'],
] as const)
  test(`If-Match ${header?.slice(0, 20) ?? 'missing'} (azure-wire 5.1)`, () => {
    const match = parseIfMatch(header)
    assert.deepEqual(match.ok ? match.value : match.error.code, expected)
  })
