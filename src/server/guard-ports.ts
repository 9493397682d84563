import { createHmac } from 'node:crypto'
import { deviceSubject, systemGrant } from '#access'
import { type Clock, type DeviceId, type Random, type Secret, instant } from '#base'
import { defaultListenerLimits } from '#gateway'
import type { GuardPorts, IssuedCertificate, Listener, ProbeIdentity } from '#guard'
import type { Authentication } from '#hub'
import { encodeFact, encodeTelemetry } from '#journal'
import { decodePem } from '#wire/x509'
import { decodePemAll } from './pem-list.ts'
import type { Rooms } from './rooms.io.ts'
import { drillDevice, probeDevice } from './system-devices.ts'

const dayMs = 24 * 60 * 60 * 1000
// A probe that dies with its key in memory leaves a certificate behind that is soon worthless.
const probeLifetimeMs = dayMs
const backdatedMs = 60 * 60 * 1000

// A TPM seals; a token and a keyring keep what opens the file elsewhere.
const keyKinds = {
  'plain-file': 'plain-file',
  'passphrase-file': 'passphrase-file',
  tpm: 'sealed',
  pkcs11: 'external',
  keyring: 'external',
} as const

/** What the guard needs besides the rooms. */
export type Surroundings = {
  readonly clock: Clock
  readonly random: Random
  readonly dataDirectory: string
  readonly names: readonly string[]
  readonly listeners: () => readonly Listener[]
  readonly trouble: (what: string, error: unknown) => void
}

/** Joins the guard to the rooms: it reads, and the only things it causes are its probes' own acts. */
export function guardPorts(rooms: Rooms, around: Surroundings): GuardPorts {
  const { clock, random } = around
  const { pki, hub, vault, gateway, journal, store, bus, broker } = rooms
  using digestKey = vault.dataKey('digests of the guard')
  const hmacKey = digestKey.use((bytes) => Buffer.from(bytes))
  const keyDigest = (key: Secret) => key.use((bytes) => createHmac('sha256', hmacKey).update(bytes).digest('hex'))
  const credentialOf = (id: DeviceId, authentication: Authentication) => {
    if (authentication.type !== 'sas') return authentication
    const keys = hub.devices.sharedKeys(id) ?? hub.modules.sharedKeys(id)
    return { type: 'symmetricKey', keyDigests: keys === undefined ? [] : [keyDigest(keys.primary), keyDigest(keys.secondary)] } as const
  }
  const issue = async (device: DeviceId): Promise<ProbeIdentity> => {
    const issued = await pki.issueDevice(systemGrant('certificate.issue', `device:${device}`), {
      deviceId: device,
      generate: true,
      lifetimeMs: probeLifetimeMs,
    })
    if (!issued.ok || issued.value.privateKeyPem === undefined) throw new Error(issued.ok ? 'no key was made' : issued.error.message)
    const { certificatePem, privateKeyPem } = issued.value
    return { device, cert: certificatePem, key: privateKeyPem.use((bytes) => bytes.toString('utf8')), ca: pki.rootPem }
  }
  const isGood = ({ cert }: ProbeIdentity): boolean => {
    const chain = decodePem('CERTIFICATE', cert)
    return chain.ok && pki.verifyDeviceChain(chain.value, clock.now()).ok
  }
  let identity: { readonly value: ProbeIdentity; readonly renewAt: number } | undefined
  return {
    clock,
    random,
    listeners: around.listeners,
    advertisedNames: () => around.names,
    async serverCertificate() {
      const { fingerprintSha256, notBefore, notAfter } = pki.serverCertificate()
      return {
        newest: { fingerprintSha256, notBefore, notAfter },
        manual: false,
        owner: null,
        lastDrillAt: instant(notBefore + backdatedMs),
      }
    },
    async issuers() {
      const state = (pem: string, root: boolean) => ({ pem, root, revoked: false, distrusted: false })
      return [...decodePemAll(pki.rootPem).map((pem) => state(pem, true)), ...decodePemAll(pki.issuersPem).map((pem) => state(pem, false))]
    },
    async *certificates() {
      const grant = systemGrant('check.run', 'hub')
      let after = ''
      for (;;) {
        const page = await pki.inventory(grant, after, 1_000)
        for (const row of page) {
          if (row.profile !== 'device' && row.profile !== 'server') continue
          const { serial, issuer, fingerprintSha256, device, keySha256, notBefore, notAfter } = row
          yield {
            serial,
            issuer,
            fingerprintSha256,
            device,
            keySha256,
            notBefore,
            notAfter,
            revoked: row.revoked !== null,
            key: null,
            renewing: false,
          } satisfies IssuedCertificate
        }
        const last = page.at(-1)
        if (last === undefined || page.length < 1_000) return
        after = last.serial
      }
    },
    // Revocation is asked of the registry at every connect; no list is published yet.
    crl: async () => null,
    trust: async () => ({ bundleVersions: 1, devicesOnCurrent: null, devicesTwoBehind: 0 }),
    *devices() {
      for (const { id, status, authentication } of hub.devices.all())
        yield { id, enabled: status === 'enabled', authentication: credentialOf(id, authentication) }
      for (const { identity, device, authentication } of hub.modules.all())
        if (authentication.type !== 'none')
          yield {
            id: identity,
            enabled: hub.devices.find(device)?.status === 'enabled',
            authentication: credentialOf(identity, authentication),
          }
    },
    connections: () => gateway.connections().filter((connection) => connection.device !== probeDevice && connection.device !== drillDevice),
    digest: (material) => createHmac('sha256', hmacKey).update(material).digest('hex'),
    drill: {
      issue: () => issue(drillDevice),
      async revoke() {
        await pki.revoke(systemGrant('certificate.issue', `device:${drillDevice}`), { deviceId: drillDevice }, 'cessationOfOperation')
        await bus.closeSessions({ device: drillDevice, reason: 'revoked' })
      },
    },
    synthetic: {
      async identity() {
        // Its issuer may have been retired or revoked meanwhile.
        if (identity === undefined || clock.now() >= identity.renewAt || !isGood(identity.value))
          identity = { value: await issue(probeDevice), renewAt: clock.now() + probeLifetimeMs / 2 }
        return identity.value
      },
      // The broker delivers QoS 1 once the journal has it, so what arrives here has been on disk.
      watch(device, heard) {
        const link = {
          id: 'guard',
          writable: true,
          deliver: (message: { readonly payload: Buffer }, _qos: 0 | 1 | 2, packetId: number) => {
            heard(message.payload)
            if (packetId !== 0) queueMicrotask(() => session.outgoing.acknowledge(packetId))
            return true
          },
          release: () => {},
          takenOver: () => {},
          stuck: () => {},
        }
        const { session } = broker.attach({
          subject: deviceSubject(device, '\0guard'),
          cleanStart: true,
          expirySeconds: 0,
          limits: { ...defaultListenerLimits, queueMessages: 16 },
          mqttVersion: 5,
          will: undefined,
          link,
        })
        broker.start(session, link, 16)
        const filter = `devices/${device}/messages/events/#`
        const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 2, identifier: undefined } as const
        broker.subscribe(session, [{ filter, ...options }])
        return () => broker.detach(session, link, 'discard')
      },
    },
    canary: {
      dataDirectory: around.dataDirectory,
      async write() {
        const canary = random.bytes(24).toString('hex')
        await store.commit([
          { sql: 'INSERT INTO guard_canary (id, text) VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET text = excluded.text', args: [canary] },
        ])
        journal.append(
          encodeTelemetry({
            kind: 'telemetry',
            time: clock.now(),
            device: probeDevice,
            auth: '',
            generation: '0',
            connection: 'guard',
            transport: 'mqtts',
            topic: `devices/${probeDevice}/messages/events/`,
            qos: 1,
            retain: false,
            dup: false,
            mqttVersion: 4,
            properties: Buffer.alloc(0),
            body: Buffer.from(canary),
          }),
        )
        await journal.flushed()
        return canary
      },
    },
    async keyLocation() {
      const { protection, insideDataDirectory, mode } = await vault.describe()
      return { kind: keyKinds[protection], insideDataDirectory, mode: mode ?? null }
    },
    portMappings: async () => null,
    async health() {
      const { kind } = journal.state()
      return { store: 'ok', journal: kind === 'failing' ? 'failed' : kind === 'full' ? 'full' : 'ok', pendingShare: journal.paused ? 1 : 0 }
    },
    alertRoutes: () => [
      { kind: 'stderr', name: "the hub's log", acknowledgedAt: null },
      { kind: 'console', name: 'the console', acknowledgedAt: null },
    ],
    tell: (fact) => void journal.append(encodeFact(fact)),
    trouble: around.trouble,
  }
}

/** Where the canary of the encryption check is written. */
export const guardMigrations = [
  { name: 'guard/001-canary', sql: 'CREATE TABLE guard_canary (id INTEGER PRIMARY KEY CHECK (id = 1), text TEXT NOT NULL) STRICT' },
] as const
