import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import mqtt from 'mqtt'
import { HubProcess } from './hub.ts'

const run = promisify(execFile)

/** A folder in which curl and OpenSSL are the device, as a manual would tell it. */
function deviceOf(hub: HubProcess) {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-est-'))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('root.pem'), hub.rootPem)
  const url = `https://127.0.0.1:${hub.ports.https}/.well-known/est/`
  return {
    at,
    async csr(name: string, key: string): Promise<void> {
      const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${key}.key`)]
      await run('openssl', ['req', '-new', ...fresh, '-subj', `/CN=${name}`, '-outform', 'DER', '-out', at('csr.der')])
      await run('openssl', ['base64', '-in', at('csr.der'), '-out', at(`${key}.p10`)])
    },
    /** One call; the answer's status, its body in the file `answer`. */
    async curl(operation: string, ...words: readonly string[]): Promise<number> {
      const always = ['-s', '--cacert', at('root.pem'), '-o', at('answer'), '-w', '%{http_code}']
      const { stdout } = await run('curl', [...always, ...words, url + operation])
      return Number(stdout)
    },
    posting: (key: string) => ['-H', 'content-type: application/pkcs10', '--data-binary', `@${at(`${key}.p10`)}`],
    showing: (key: string) => ['--cert', at(`${key}.pem`), '--key', at(`${key}.key`)],
    /** The certificates of the last answer, as PEM in a file. */
    async certificates(file: string): Promise<string> {
      await run('openssl', ['base64', '-d', '-in', at('answer'), '-out', at('answer.der')])
      await run('openssl', ['pkcs7', '-inform', 'DER', '-in', at('answer.der'), '-print_certs', '-out', at(file)])
      return readFileSync(at(file), 'utf8')
    },
    answer: () => readFileSync(at('answer'), 'utf8'),
    async connects(id: string, key: string): Promise<void> {
      const client = await mqtt.connectAsync(`mqtts://127.0.0.1:${hub.ports.mqtt}`, {
        clientId: id,
        ca: hub.rootPem,
        cert: readFileSync(at(`${key}.pem`)),
        key: readFileSync(at(`${key}.key`)),
        reconnectPeriod: 0,
      })
      await client.endAsync()
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

test('curl and OpenSSL fetch the authorities, enroll by a code, connect, renew, and connect again [RFC 7030]', async () => {
  await using hub = await HubProcess.open()
  using device = deviceOf(hub)
  await hub.addDevice('pump-1')
  assert.equal(await device.curl('cacerts'), 200)
  const authorities = await device.certificates('cacerts.pem')
  assert.ok(authorities.includes(hub.rootPem.trim().split('\n')[3] ?? 'nothing'))
  assert.equal(await device.curl('csrattrs'), 200)

  const made = await hub.command('pki', 'code', 'add', 'pump-1', '--expires', '1h')
  assert.equal(made.code, 0, made.stderr)
  const code = made.stdout.trim()
  const basic = ['-u', `pump-1:${code}`]
  await device.csr('pump-1', 'first')
  assert.equal(await device.curl('simpleenroll', ...basic, ...device.posting('first')), 200, device.answer())
  await device.certificates('first.pem')
  await run('openssl', [
    'verify',
    '-purpose',
    'sslclient',
    '-CAfile',
    device.at('root.pem'),
    '-untrusted',
    device.at('cacerts.pem'),
    device.at('first.pem'),
  ])
  await device.connects('pump-1', 'first')
  assert.equal(await device.curl('simpleenroll', ...basic, ...device.posting('first')), 401)
  assert.match(device.answer(), /pki\/code-spent/)

  await device.csr('pump-1', 'second')
  assert.equal(await device.curl('simplereenroll', ...device.showing('first'), ...device.posting('second')), 200, device.answer())
  await device.certificates('second.pem')
  await device.connects('pump-1', 'second')

  await device.csr('pump-2', 'other')
  assert.equal(await device.curl('simplereenroll', ...device.showing('second'), ...device.posting('other')), 403)
  writeFileSync(device.at('other.p10'), readFileSync(device.at('answer.der')).toString('base64'))
  assert.equal(await device.curl('simplereenroll', ...device.showing('second'), ...device.posting('other')), 400)
  writeFileSync(device.at('other.p10'), 'A'.repeat(64 * 1024))
  assert.equal(await device.curl('simplereenroll', ...device.showing('second'), ...device.posting('other')), 413)

  const issuers: { serial: string; role: string; state: string; living: number }[] = Object(
    (await hub.api('GET', '/api/v1/pki/authorities')).json,
  ).authorities
  const old = issuers.find(({ role, state }) => role === 'device-issuer' && state === 'active')
  assert.ok(old !== undefined)
  const rotated = await hub.command('pki', 'issuer', 'rotate', '--role', 'devices')
  assert.equal(rotated.code, 0, rotated.stderr)
  assert.match((await hub.command('pki', 'authorities')).stdout, /retiring/)
  const early = await hub.command('pki', 'issuer', 'retire', old.serial)
  assert.match(early.stderr, /vouches for \d+ certificates/)
  assert.equal((await hub.command('pki', 'issuer', 'retire', old.serial, '--despite', '2')).code, 2, 'not without a reason')
  const count = String(old.living)
  const retired = await hub.command('pki', 'issuer', 'retire', old.serial, '--despite', count, '--reason', 'rehearsal')
  assert.equal(retired.code, 0, retired.stderr)
  assert.match(retired.stdout, new RegExp(`^retired ${old.serial}: ${count} certificates cut off, closed`))
  assert.equal(await device.curl('simplereenroll', ...device.showing('second'), ...device.posting('second')), 401)
  assert.match(device.answer(), /pki\/issuer-revoked/)
  const inventory: { certificates: { serial: string; owner: string }[] } = JSON.parse(
    (await hub.command('pki', 'ls', '--all', '--json')).stdout,
  )
  const one = inventory.certificates.find(({ owner }) => owner === 'device:pump-1')?.serial ?? ''
  assert.match((await hub.command('pki', 'show', one)).stdout, /device:pump-1/)
  assert.match((await hub.command('pki', 'show', one, '--pem')).stdout, /^-----BEGIN CERTIFICATE-----/)
  assert.equal((await hub.command('pki', 'ls', '--due')).code, 0)

  const list = await hub.command('pki', 'code', 'ls', '--json')
  assert.ok(!list.stdout.includes(code.split('-')[1] ?? code))
  assert.equal((await hub.api('POST', '/api/v1/devices/pump-1/revoke', { reason: 'keyCompromise' })).status, 200)
  assert.equal(await device.curl('simplereenroll', ...device.showing('second'), ...device.posting('second')), 401)
  const kinds = (await hub.facts()).map(({ kind }) => kind)
  assert.equal(kinds.filter((kind) => kind === 'est-enrolled').length, 2)
})
