import { X509Certificate } from 'node:crypto'
import { certificateFacts } from './certificate-facts.ts'
import { collectCanary } from './collectors/canary.io.ts'
import { collectDrill } from './collectors/drill.io.ts'
import { collectExposure } from './collectors/exposure.io.ts'
import { certificatesInUse, takeInventory } from './collectors/inventory.ts'
import { collectPlaintext } from './collectors/plaintext.io.ts'
import { type Credential, compareCredentials, readRegistry } from './collectors/registry.ts'
import { collectServed } from './collectors/served.io.ts'
import { collectSockets } from './collectors/sockets.io.ts'
import { collectTls } from './collectors/tls.io.ts'
import { collectVolumes } from './collectors/volumes.io.ts'
import { freeBytes } from './collectors/disk.io.ts'
import type { Method, Sighting } from './evidence.ts'
import type { GuardPorts } from './ports.ts'
import type { RoundTrips } from './round-trips.ts'
import type { SessionLog } from './sessions.ts'

const hub = { kind: 'hub', id: 'hub' } as const
const ca = { kind: 'ca', id: 'hub' } as const

/** One way of looking: which methods it yields evidence for, and how to look. It may throw; the run turns that into `unknown`. */
export type Collector = {
  readonly methods: readonly Method[]
  /** Runs before all others and alone: the others open sockets of their own. */
  readonly first?: boolean
  /** Causes more than a look, so the schedule runs it once a day only. */
  readonly drill?: boolean
  collect(signal: AbortSignal): Promise<readonly Sighting[]>
}

/** Every collector, wired to the ports. `trips` is undefined where no synthetic device runs. */
export function collectorsOf(ports: GuardPorts, sessions: SessionLog, trips: RoundTrips | undefined): readonly Collector[] {
  const { clock, random } = ports
  const serverName = () => ports.advertisedNames().find((name) => /[a-z]/i.test(name) && !name.includes(':')) ?? null
  return [
    { methods: ['socket-table'], first: true, collect: (signal) => collectSockets(ports.listeners(), signal) },
    {
      methods: ['tls-version-probe', 'tls-suite-probe'],
      collect: (signal) => collectTls(ports.listeners(), serverName(), clock.now(), random, signal),
    },
    { methods: ['plaintext-probe'], collect: (signal) => collectPlaintext(ports.listeners(), signal) },
    {
      methods: ['served-certificate', 'certificate-inventory'],
      collect: async (signal) => {
        const { sightings, served } = await collectServed(
          ports.listeners(),
          ports.advertisedNames(),
          await ports.serverCertificate(),
          signal,
        )
        const shown = served.map((certificate) => certificateFacts(certificate))
        const seen = new Map([
          ...shown.map(({ fingerprintSha256, subject }) => [fingerprintSha256, subject] as const),
          ...certificatesInUse(ports.connections()),
        ])
        const sources = {
          issuers: await ports.issuers(),
          certificates: ports.certificates(),
          devices: ports.devices(),
          seen,
          crl: await ports.crl(),
        }
        return [...sightings, { method: 'certificate-inventory', subject: ca, observed: await takeInventory(sources, clock.now()) }]
      },
    },
    {
      methods: ['trust-roots'],
      collect: async () => {
        const issuers = (await ports.issuers()).filter((issuer) => issuer.root)
        const facts = issuers.map(({ pem, distrusted }) => ({ facts: certificateFacts(new X509Certificate(pem)), distrusted }))
        const observed = {
          roots: facts.filter((root) => !root.distrusted).map((root) => root.facts),
          distrusted: facts.filter((root) => root.distrusted).map((root) => root.facts.subject),
          ...(await ports.trust()),
        }
        return [{ method: 'trust-roots', subject: ca, observed }]
      },
    },
    {
      methods: ['revocation-drill'],
      drill: true,
      collect: async (signal) => [await collectDrill(ports.listeners(), serverName(), ports.drill, clock, random, signal)],
    },
    {
      methods: ['session-log'],
      collect: async () => {
        sessions.look(ports.connections())
        return [{ method: 'session-log', subject: hub, observed: sessions.summary() }]
      },
    },
    {
      methods: ['registry', 'credential-digests'],
      collect: async () => {
        sessions.look(ports.connections())
        const registry = await readRegistry(ports.devices(), sessions, clock.now())
        const credentials = compareCredentials(await credentialsOf(ports), (material) => ports.digest(material))
        return [
          { method: 'registry', subject: hub, observed: registry },
          { method: 'credential-digests', subject: hub, observed: credentials },
        ]
      },
    },
    { methods: ['canary'], collect: async (signal) => [await collectCanary(ports.canary, clock.now(), random, signal)] },
    { methods: ['key-location'], collect: async () => [{ method: 'key-location', subject: hub, observed: await ports.keyLocation() }] },
    { methods: ['volumes'], collect: async () => [await collectVolumes(ports.canary.dataDirectory)] },
    { methods: ['exposure'], collect: async () => [collectExposure(ports.listeners(), await ports.portMappings())] },
    {
      methods: ['round-trips'],
      collect: async () => [
        trips === undefined
          ? { method: 'round-trips', subject: hub, problem: 'no synthetic device runs' }
          : { method: 'round-trips', subject: hub, observed: trips.summary() },
      ],
    },
    {
      methods: ['alert-routes'],
      collect: async () => [{ method: 'alert-routes', subject: hub, observed: { routes: ports.alertRoutes() } }],
    },
    {
      methods: ['health'],
      collect: async () => {
        const state = await ports.health()
        return [{ method: 'health', subject: hub, observed: { ...state, freeBytes: await freeBytes(ports.canary.dataDirectory) } }]
      },
    },
  ]
}

/** Every credential that a device can prove itself with now: keys that were certified for it, pinned certificates, shared keys. */
async function credentialsOf(ports: GuardPorts): Promise<readonly Credential[]> {
  const credentials: Credential[] = []
  const enabled = new Set<string>()
  for await (const { id, enabled: on, authentication } of ports.devices()) {
    if (!on) continue
    enabled.add(id)
    if (authentication.type === 'selfSigned') {
      for (const print of [authentication.primaryThumbprint, authentication.secondaryThumbprint])
        if (print !== null) credentials.push({ device: id, kind: 'certificate', material: print })
    } else if (authentication.type === 'symmetricKey')
      for (const keyed of authentication.keyDigests) credentials.push({ device: id, kind: 'shared-key', material: keyed })
  }
  for await (const { device, keySha256, revoked } of ports.certificates())
    if (device !== null && keySha256 !== null && !revoked && enabled.has(device))
      credentials.push({ device, kind: 'public-key', material: keySha256 })
  return credentials
}
