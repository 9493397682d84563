import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { HubProcess, freePorts } from './hub.ts'

/** Debian's `lego` in a folder of its own, as an operator would run it. */
function legoOf(hub: HubProcess) {
  const folder = mkdtempSync(join(tmpdir(), 'thingwall-acme-'))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('root.pem'), hub.rootPem)
  const environment = { PATH: process.env['PATH'], HOME: folder, LEGO_CA_CERTIFICATES: at('root.pem') }
  const server = `https://127.0.0.1:${hub.ports.https}/acme/directory`
  const always = ['--server', server, '--accept-tos', '--email', 'owner@plant.example', '--path', at('lego')]
  return {
    /** Runs `lego`; its exit code and all that it said. */
    run(...words: readonly string[]): Promise<{ readonly code: number; readonly said: string }> {
      return new Promise((resolve) => {
        execFile('lego', [...always, ...words], { env: environment }, (error, stdout, stderr) =>
          resolve({ code: error === null ? 0 : 1, said: stdout + stderr }),
        )
      })
    },
    certificate: (name: string) => readFileSync(at(join('lego', 'certificates', `${name}.crt`)), 'utf8'),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  }
}

test('lego gets, renews and revokes certificates by http-01 and tls-alpn-01, for the names of its account alone [RFC 8555, 8737]', async () => {
  const [httpPort = 0, tlsPort = 0] = await freePorts(2)
  const settings = [
    'broker: {deniedDelaySeconds: 0}',
    `pki: {acme: {networks: [127.0.0.0/8, '::1/128'], insecureHttpPort: ${httpPort}, insecureTlsPort: ${tlsPort}}}`,
    '',
  ].join('\n')
  await using hub = await HubProcess.open({ settings })
  using lego = legoOf(hub)
  const made = await hub.command('pki', 'acme', 'account', 'add', 'plant', '--names', 'localhost', '--json')
  assert.equal(made.code, 0, made.stderr)
  const { account, macKey }: { account: { keyId: string }; macKey: string } = JSON.parse(made.stdout)
  const binding = ['--eab', '--kid', account.keyId, '--hmac', macKey]
  const byHttp = ['--http', '--http.port', `:${httpPort}`]
  const byTls = ['--tls', '--tls.port', `:${tlsPort}`]

  const without = await lego.run(...byHttp, '-d', 'localhost', 'run')
  assert.match(without.said, /externalAccountRequired|requires External Account Binding/i)
  const first = await lego.run(...binding, ...byHttp, '-d', 'localhost', 'run')
  assert.equal(first.code, 0, first.said)
  const certificate = new X509Certificate(lego.certificate('localhost'))
  assert.equal(certificate.subjectAltName, 'DNS:localhost')
  assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1'])

  const second = await lego.run(...binding, ...byTls, '-d', 'localhost', 'renew', '--days', '3650', '--no-random-sleep')
  assert.equal(second.code, 0, second.said)
  const renewed = new X509Certificate(lego.certificate('localhost'))
  assert.notEqual(renewed.serialNumber, certificate.serialNumber)

  const foreign = await lego.run(...binding, ...byHttp, '-d', 'other.example', 'run')
  assert.equal(foreign.code, 1)
  assert.match(foreign.said, /rejectedIdentifier/)

  const revoked = await lego.run(...binding, '-d', 'localhost', 'revoke')
  assert.equal(revoked.code, 0, revoked.said)
  const records = await hub.api('GET', `/api/v1/audit`)
  assert.ok(records.text.includes('certificate.revoke'))
  const kinds = (await hub.facts()).map((fact) => [fact.kind, fact['change'] ?? fact['method']].join(' ').trim())
  assert.deepEqual(
    kinds.filter((kind) => kind.startsWith('acme') || kind === 'certificates-revoked'),
    [
      'acme-account-changed added',
      'acme-account-changed bound',
      'acme-name-proven http-01',
      'acme-issued',
      'acme-name-proven tls-alpn-01',
      'acme-issued',
      'certificates-revoked',
    ],
  )
  const list = await hub.command('pki', 'acme', 'account', 'ls')
  assert.ok(list.stdout.includes('plant') && !list.stdout.includes(macKey))
  assert.equal((await hub.command('pki', 'acme', 'account', 'rm', 'plant')).code, 0)
  const ended = await lego.run(...binding, ...byHttp, '-d', 'localhost', 'run')
  assert.equal(ended.code, 1)
  assert.match(ended.said, /accountDoesNotExist/)
})
