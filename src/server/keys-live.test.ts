import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TLSSocket, connect } from 'node:tls'
import { systemGrant } from '#access'
import { systemClock } from '#base'
import { decodeRecord } from '#journal'
import { encode } from '#wire/mqtt'
import { parseRevocationList } from '#wire/x509'
import { runCommand } from '../../test/run-command.ts'
import { makeSoftToken } from '../../test/softhsm.io.ts'
import { device, temporaryDirectory } from '../../test/throwaway-pki.ts'
import { parseConfig } from './config.io.ts'
import { openLog } from './log.io.ts'
import { openServer } from './server.io.ts'

const mayIssue = systemGrant('certificate.issue', 'x')

/** The process that holds the token, found by the token's PIN file among its arguments. */
function signerPid(pinFile: string): number {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue
    try {
      const words = readFileSync(`/proc/${entry}/cmdline`, 'utf8')
      if (words.includes('signer-main') && words.includes(pinFile)) return Number(entry)
    } catch {
      // It ended meanwhile.
    }
  }
  throw new Error('no signer process runs')
}

test(
  'a token pulled from a running hub: devices stay and connect, lists are served, what must be signed is refused with what to do, and all of it comes back',
  { timeout: 60_000 },
  async (t) => {
    await using place = await temporaryDirectory()
    await using token = await makeSoftToken()
    const at = (name: string) => join(place.path, name)
    const { module, token: label, pinFile } = token
    writeFileSync(at('settings.yaml'), `pki: {keys: {place: pkcs11, module: ${module}, token: ${label}, pinFile: ${pinFile}}}\n`)
    const ports = { 'mqtt-port': '0', 'https-port': '0', 'amqp-port': '0', 'console-port': '0', workers: '0' }
    const config = parseConfig({ config: at('settings.yaml'), data: at('data'), 'key-file': at('root.key'), ...ports }, {})
    assert.ok(config.ok)
    // The signer finds its token by the environment of the hub.
    const before = process.env['SOFTHSM2_CONF']
    process.env['SOFTHSM2_CONF'] = token.environment['SOFTHSM2_CONF']
    t.after(() => (before === undefined ? delete process.env['SOFTHSM2_CONF'] : (process.env['SOFTHSM2_CONF'] = before)))
    await using scope = new AsyncDisposableStack()
    const { rooms } = scope.use(await openServer(config.value, '1', new AbortController().signal, { log: openLog('error', () => {}) }))
    const { pki, hub, gateway, journal, keys } = rooms
    const run = (...words: readonly string[]) => runCommand(['--data', at('data'), ...words], { cwd: place.path })

    await hub.devices.add(
      systemGrant('device.write', 'x'),
      ['pump-1', 'pump-2'].map((id) => ({ id: device(id), authentication: { type: 'certificateAuthority' } })),
    )
    const issued = await pki.issueDevice(mayIssue, { deviceId: device('pump-1'), generate: true })
    assert.ok(issued.ok && issued.value.privateKeyPem !== undefined)
    const { certificatePem: cert, privateKeyPem, serial } = issued.value
    const key = privateKeyPem.use((bytes) => bytes.toString())
    const signIn = async (): Promise<TLSSocket> => {
      const socket = connect({ host: '127.0.0.1', port: gateway.mqttPort, servername: 'localhost', ca: pki.rootPem, cert, key })
      scope.defer(() => void socket.destroy())
      socket.write(encode({ type: 'connect', version: 4, clientId: 'pump-1', cleanStart: true, keepAliveSeconds: 60 }, 4))
      const [connack]: Buffer[] = await once(socket, 'data')
      assert.equal(connack?.toString('hex'), '20020000')
      return socket
    }
    const record = await pki.certificate(systemGrant('device.read', 'x'), serial)
    const keyId = record.ok ? record.value.record.issuer : ''
    const list = (shard: number) =>
      new Promise<readonly [number, Buffer]>((resolve, reject) => {
        const options = { host: '127.0.0.1', port: gateway.httpsPort, servername: 'localhost', ca: pki.rootPem, agent: false }
        request({ ...options, path: `/pki/crl/${keyId}/${shard}.crl` }, (answer) => {
          const parts: Buffer[] = []
          answer.on('data', (part: Buffer) => parts.push(part)).on('end', () => resolve([answer.statusCode ?? 0, Buffer.concat(parts)]))
        })
          .on('error', reject)
          .end()
      })
    const until = async (kind: 'ready' | 'away') => {
      while (keys.state().kind !== kind) await new Promise<void>((resolve) => void systemClock.after(20, resolve))
    }
    assert.match((await run('pki', 'authorities')).stdout, /device-issuer\t.*\tpkcs11\t/)
    const first = await list(1)
    assert.equal(first[0], 200)

    await token.pull()
    process.kill(signerPid(pinFile), 'SIGKILL')
    await until('away')
    const stays = await signIn()
    const denied = await run('device', 'renew', 'pump-1', '--out', at('renewed'))
    assert.notEqual(denied.code, 0)
    assert.match(denied.stderr, /pki\/key-unavailable/)
    assert.match((await run('pki', 'authorities')).stderr, /pkcs11 token thingwall: away, /)
    assert.match((await run('doctor')).stdout, /keys of authorities[\s\S]*pkcs11 token thingwall: away/)
    assert.deepEqual(await list(1), first, 'the last one, to its end')
    assert.equal((await list(2))[0], 503, 'and none that was never made')
    // Revoking needs no key: it bites at once.
    const revoked = await pki.revoke(mayIssue, { serial }, 'keyCompromise')
    assert.ok(revoked.ok)
    const closed = once(stays, 'close')
    const { proofs, devices } = revoked.value
    const receipt = await rooms.bus.closeSessions({ revoked: proofs, devices, reason: 'revoked' })
    assert.deepEqual([receipt.closed, receipt.of], [1, 1])
    await closed

    await token.putBack()
    await until('ready')
    const again = await pki.issueDevice(mayIssue, { deviceId: device('pump-2'), generate: true })
    assert.ok(again.ok)
    const [status, der] = await list(2)
    assert.ok(status === 200 && parseRevocationList(der).ok)
    await journal.flushed()
    const { records } = await journal.read(0, { records: 10_000, bytes: 10_000_000 })
    const told = records.flatMap((one) => {
      const fact = 'bytes' in one ? decodeRecord(one.bytes) : undefined
      return fact?.ok === true && /^(key-store|revocation-lists-stuck)/.test(fact.value.kind) ? [fact.value.kind] : []
    })
    assert.deepEqual(told, ['key-store-away', 'revocation-lists-stuck', 'key-store-back', 'revocation-lists-stuck'])
  },
)
