import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo } from 'node:net'
import { test } from 'node:test'
import { type ConnectionOptions, type TLSSocket, connect, createServer } from 'node:tls'
import { parseDeviceId } from '#base'
import { mayIssue, openGround, openThrowawayPki, temporaryDirectory } from '../../test/throwaway-pki.ts'
import type { ServerCertificate } from './index.ts'

const day = 24 * 3_600_000

function contextOf({ certificatePem, keyPem }: ServerCertificate) {
  return keyPem.use((key) => ({ cert: certificatePem, key: Buffer.from(key), minVersion: 'TLSv1.2' }) as const)
}

/** Everything that the peer presented, leaf first. */
function presented(socket: TLSSocket): Buffer[] {
  const out: Buffer[] = []
  for (let certificate = socket.getPeerX509Certificate(); certificate && out.length < 9; certificate = certificate.issuerCertificate)
    out.push(certificate.raw)
  return out
}

test('certificates serve real TLS both ways, and a renewal reaches new connections without dropping old ones (TW-PKI-03)', async () => {
  await using directory = await temporaryDirectory()
  await using ground = await openGround(directory.path)
  await using pki = await openThrowawayPki(ground.ports)
  const id = parseDeviceId('pump-1')
  assert(id.ok)
  const issued = await pki.issueDevice(mayIssue, { deviceId: id.value, generate: true })
  assert(issued.ok && issued.value.privateKeyPem)

  const server = createServer({
    ...contextOf(pki.serverCertificate()),
    ca: pki.trustAnchorsPem,
    requestCert: true,
    rejectUnauthorized: false,
  })
  const arrived: string[] = []
  server.on('secureConnection', (socket) => {
    socket.on('error', () => undefined)
    const verdict = pki.verifyDeviceChain(presented(socket), ground.clock.now())
    arrived.push(verdict.ok ? verdict.value.commonName : verdict.error.code)
    socket.on('data', (bytes) => socket.write(bytes))
  })
  pki.onServerCertificate((certificate) => server.setSecureContext(contextOf(certificate)))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const address = server.address()
  assert(isAddress(address))

  const certificates = issued.value.privateKeyPem.use((key) => ({ cert: issued.value.certificatePem, key: Buffer.from(key) }))
  // The fake clock is not the real one, so the client judges the chain but not the time.
  const trusting: ConnectionOptions = { host: '127.0.0.1', port: address.port, ca: pki.rootPem, rejectUnauthorized: false }
  const open = async (options: ConnectionOptions) => {
    const socket = connect({ ...trusting, ...options })
    await once(socket, 'secureConnect')
    return socket
  }
  const echo = async (socket: TLSSocket) => {
    socket.write('hello')
    await once(socket, 'data')
  }

  const first = await open(certificates)
  await echo(first)
  const nobody = await open({})
  await echo(nobody)
  assert.deepEqual(arrived, ['pump-1', 'pki/no-certificate'])
  assert.equal(serialOf(first), pki.serverCertificate().serial)

  ground.clock.jump(ground.clock.now() + 61 * day)
  assert.deepEqual(await pki.renewServerIfDue(ground.clock.now()), { ok: true, value: true })
  const second = await open(certificates)
  await echo(second)
  await echo(first)
  assert.equal(serialOf(second), pki.serverCertificate().serial)
  assert.notEqual(serialOf(second), serialOf(first))
  assert.equal(arrived.at(-1), 'pki/expired', 'a leaf of 30 days, 61 days later')
  for (const socket of [first, second, nobody]) socket.destroy()
  server.close()
})

function serialOf(socket: TLSSocket): string {
  return socket.getPeerX509Certificate()?.serialNumber.toLowerCase() ?? ''
}

function isAddress(address: AddressInfo | string | null): address is AddressInfo {
  return typeof address === 'object' && address !== null
}
