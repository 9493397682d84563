import { type TLSSocket, type TlsOptions, createServer } from 'node:tls'
import { type Party, make, makeDer } from './throwaway-ca.ts'
import { encodePem, oids } from '#wire/x509'
import { type DeviceId, instant, parseDeviceId } from '#base'

/*
 * A hub as it must not be: a real TLS listener that speaks just enough MQTT 3.1.1, with faults that can be asked for. The posture checks
 * are shown against it, because a check that was never seen to fail proves nothing.
 */

/** What is wrong with it. */
export type Fault = {
  /** Whom it turns away after a revocation: nobody, or only those who come with a full handshake. */
  readonly revocation?: 'ignored' | 'fresh-only'
  /** Leaves live sessions alone when a certificate is revoked. */
  readonly keepsSessions?: boolean
  /** Turns everybody away. */
  readonly refuses?: boolean
  /** Acknowledges nothing. */
  readonly mute?: boolean
  /** Settings that weaken TLS. */
  readonly tls?: TlsOptions
}

/** The throwaway PKI of such a hub. */
export type WeakPki = { readonly root: Party; readonly caPem: string; readonly serverCert: string; readonly serverKey: string }

const day = 24 * 60 * 60_000

/** Makes a root and a server certificate for 127.0.0.1 and localhost, valid around the real present: TLS libraries look at the clock. */
export function weakPki(now: number): WeakPki {
  const life = { notBefore: instant(now - day), notAfter: instant(now + 60 * day) }
  const root = make({ name: 'Throwaway Root', ca: { pathLength: 1 }, ...life })
  const server = serverCertificate(root, now)
  return { root, caPem: encodePem('CERTIFICATE', root.der), ...server }
}

/** A fresh server certificate of that root. */
export function serverCertificate(root: Party, now: number, lifeDays = 90): { readonly serverCert: string; readonly serverKey: string } {
  const { der, key } = makeDer({
    name: 'localhost',
    by: root,
    extendedKeyUsage: [oids.serverAuth],
    notBefore: instant(now - day),
    notAfter: instant(now + lifeDays * day),
    extensions: (honest) => [...honest, alternativeNames],
  })
  return { serverCert: encodePem('CERTIFICATE', der), serverKey: key.export({ type: 'pkcs8', format: 'pem' }) }
}

/** subjectAltName: DNS localhost, IP 127.0.0.1. */
const alternativeNames = Buffer.from('301a0603551d110413301182096c6f63616c686f737487047f000001', 'hex')

/** A device certificate of that root: PEM, with its key and serial. */
export function deviceCertificate(
  pki: WeakPki,
  id: string,
  now: number,
): { device: DeviceId; cert: string; key: string; ca: string; serial: string } {
  const device = parseDeviceId(id)
  if (!device.ok) throw new Error(device.error.message)
  const party = make({ name: id, by: pki.root, notBefore: instant(now - day), notAfter: instant(now + 30 * day) })
  return {
    device: device.value,
    cert: encodePem('CERTIFICATE', party.der),
    key: party.key.export({ type: 'pkcs8', format: 'pem' }),
    ca: pki.caPem,
    serial: party.certificate.serial,
  }
}

/** A weak hub that is up. */
export type WeakHub = AsyncDisposable & {
  readonly port: number
  /** Calls back with the payload of each PUBLISH. */
  onPublish(heard: (payload: Buffer) => void): void
  revoke(serial: string): void
  /** Serves another certificate from now on. */
  reload(tls: { readonly serverCert: string; readonly serverKey: string }): void
}

/** Opens one on a free loopback port. */
export async function openWeakHub(pki: WeakPki, fault: Fault = {}): Promise<WeakHub> {
  const revoked = new Set<string>()
  const sockets = new Map<TLSSocket, string>()
  const listeners: ((payload: Buffer) => void)[] = []
  const server = createServer({
    key: pki.serverKey,
    cert: pki.serverCert,
    ca: pki.caPem,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    ciphers: 'TLS_AES_128_GCM_SHA256:ECDHE-ECDSA-AES128-GCM-SHA256',
    ...fault.tls,
  })
  server.on('tlsClientError', () => undefined)
  server.on('secureConnection', (socket) => {
    const serial = socket.getPeerX509Certificate()?.serialNumber.toLowerCase() ?? ''
    sockets.set(socket, serial)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    const spared = fault.revocation === 'ignored' || (fault.revocation === 'fresh-only' && socket.isSessionReused())
    socket.on('data', (bytes: Buffer) => {
      if (bytes[0] === 0x10) {
        if (fault.refuses === true || (revoked.has(serial) && !spared)) socket.destroy()
        else socket.write(Buffer.from([0x20, 2, 0, 0]))
      } else if (bytes[0] === 0x32) {
        const rest = bytes.subarray((bytes[1] ?? 0) < 128 ? 2 : 3)
        const topicBytes = rest.readUInt16BE(0)
        const id = rest.subarray(2 + topicBytes, 4 + topicBytes)
        if (fault.mute !== true) socket.write(Buffer.concat([Buffer.from([0x40, 2]), id]))
        for (const heard of listeners) heard(rest.subarray(4 + topicBytes))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port')
  return {
    port: address.port,
    onPublish: (heard) => void listeners.push(heard),
    revoke(serial) {
      revoked.add(serial)
      if (fault.keepsSessions !== true) for (const [socket, its] of sockets) if (its === serial) socket.destroy()
    },
    reload: ({ serverCert, serverKey }) => server.setSecureContext({ ...fault.tls, cert: serverCert, key: serverKey, ca: pki.caPem }),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets.keys()) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
