import assert from 'node:assert/strict'
import { test } from 'node:test'
import { reachable, scopeOf } from './address.ts'
import { exposureOf } from './collectors/exposure.ts'

test('an address is placed by the scope from which it can be reached [RFC 6890]', () => {
  for (const [address, scope] of [
    ['127.0.0.1', 'loopback'],
    ['127.9.9.9', 'loopback'],
    ['::1', 'loopback'],
    ['localhost', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['::', 'unspecified'],
    ['0:0:0:0:0:0:0:0', 'unspecified'],
    ['169.254.1.1', 'link'],
    ['fe80::1%eth0', 'link'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.168.0.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd00::1', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['172.32.0.1', 'global'],
    ['100.128.0.1', 'global'],
    ['8.8.8.8', 'global'],
    ['2001:4860:4860::8888', 'global'],
    ['::ffff:8.8.8.8', 'global'],
    ['::2', 'global'],
  ] as const)
    assert.equal(scopeOf(address), scope, address)
})

test('what is no address counts as global: the worst that it could be', () => {
  for (const text of ['', 'hub.example', '1:2:3', '1::2::3', ':::', '::ffff:1.2.3', 'fe80', '[::1]', '127.0.0.1:80'])
    assert.equal(scopeOf(text), 'global', text)
})

test('a listener on all addresses is probed on loopback of its family', () => {
  assert.deepEqual(
    [reachable('0.0.0.0'), reachable('::'), reachable('10.0.0.5'), reachable('')],
    ['127.0.0.1', '::1', '10.0.0.5', '127.0.0.1'],
  )
})

test('a listener is public when it is bound to a public address, or to all while there is one', () => {
  const on = (host: string) => [{ name: 'mqtt', protocol: 'mqtts', host, port: 8883 }]
  const address = (text: string) => ({ interface: 'eth0', address: text, scope: scopeOf(text) })
  const home = [address('127.0.0.1'), address('192.168.1.5'), address('fe80::1')]
  const open = [...home, address('2001:4860::5')]
  assert.deepEqual(exposureOf(on('0.0.0.0'), home, null).publicBinds, [])
  assert.deepEqual(exposureOf(on('::'), open, null).publicBinds, ['mqtt'])
  assert.deepEqual(exposureOf(on('0.0.0.0'), open, null).publicBinds, [], 'the public address is IPv6 and the socket is not')
  assert.deepEqual(exposureOf(on('0.0.0.0'), [address('8.8.8.8')], null).publicBinds, ['mqtt'])
  assert.deepEqual(exposureOf(on('8.8.8.8'), [], null).publicBinds, ['mqtt'])
  assert.deepEqual(exposureOf(on('127.0.0.1'), open, null).publicBinds, [])
})
