import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { plus, systemClock } from '#base'
import { judgeControl } from '../fixtures/judge.ts'
import { openWeakHub, serverCertificate, weakPki } from '../../../test/weak-hub.ts'
import { certificateFacts, uncoveredNames } from '../certificate-facts.ts'
import { twPki03 } from '../controls/tw-pki-03.ts'
import { strictPolicy } from '../policy.ts'
import { stamp } from '../stamp.ts'
import { collectServed } from './served.io.ts'

const now = systemClock.now()
const pki = weakPki(now)
const signal = new AbortController().signal

function stateOf(pem: string) {
  const { fingerprintSha256, notBefore, notAfter } = certificateFacts(new X509Certificate(pem))
  return { newest: { fingerprintSha256, notBefore, notAfter }, manual: false, owner: null, lastDrillAt: now }
}

const listener = (port: number) => [{ name: 'mqtt', protocol: 'mqtts', host: '127.0.0.1', port }]
const names = ['localhost', '127.0.0.1']

async function judge(port: number, newest: string, advertised: readonly string[] = names, at = now) {
  const { sightings } = await collectServed(listener(port), advertised, stateOf(newest), signal)
  return twPki03.judge(
    sightings.map((sighting) => stamp(sighting, at)),
    strictPolicy,
    at,
  )
}

test('a listener that serves the newest certificate passes TW-PKI-03', async () => {
  await using hub = await openWeakHub(pki)
  const said = await judge(hub.port, pki.serverCert)
  assert.deepEqual([said.verdict, said.capped], ['pass', false], said.reason)
})

test('break-it: the reload hook fails, so an older certificate is served; a working reload passes again', async () => {
  await using hub = await openWeakHub(pki)
  const renewed = serverCertificate(pki.root, now)
  const said = await judge(hub.port, renewed.serverCert)
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /older certificate than the newest issued: the reload failed/)
  hub.reload(renewed)
  assert.equal((await judge(hub.port, renewed.serverCert)).verdict, 'pass')
})

test('break-it: an advertised name that the certificate does not cover fails TW-PKI-03', async () => {
  await using hub = await openWeakHub(pki)
  const said = await judge(hub.port, pki.serverCert, [...names, 'plant.example', '192.0.2.7'])
  assert.equal(said.verdict, 'fail')
  assert.match(said.reason, /does not cover plant\.example, 192\.0\.2\.7/)
})

test('break-it: less than a sixth of the life left fails, less than a third costs the full pass', async () => {
  await using hub = await openWeakHub(pki)
  const { sightings } = await collectServed(listener(hub.port), names, stateOf(pki.serverCert), signal)
  const judgeAt = (share: number) => {
    const { notBefore, notAfter } = certificateFacts(new X509Certificate(pki.serverCert))
    const at = plus(notBefore, Math.round((notAfter - notBefore) * share))
    const said = twPki03.judge(
      sightings.map((sighting) => stamp(sighting, at)),
      strictPolicy,
      at,
    )
    return [said.verdict, said.capped]
  }
  assert.deepEqual(judgeAt(0.5), ['pass', true], 'the practice renewal is too long ago by then')
  assert.deepEqual(judgeAt(0.9).slice(0, 1), ['fail'])
  assert.deepEqual(judgeAt(1.1).slice(0, 1), ['fail'])
})

test('a listener that is not there is unknown', async () => {
  const { sightings } = await collectServed(listener(1), names, stateOf(pki.serverCert), signal)
  const said = judgeControl('TW-PKI-03', sightings)
  assert.equal(said.verdict, 'unknown')
  assert.match(said.reason, /unreachable/)
})

test('names are matched as TLS clients do', () => {
  const certificate = new X509Certificate(pki.serverCert)
  assert.deepEqual(uncoveredNames(certificate, ['localhost', 'LOCALHOST', '127.0.0.1']), [])
  assert.deepEqual(uncoveredNames(certificate, ['x.localhost', '127.0.0.2', '::1']), ['x.localhost', '127.0.0.2', '::1'])
})
