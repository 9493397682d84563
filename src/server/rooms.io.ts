import { join } from 'node:path'
import {
  type Authentication,
  hubChecksDocument,
  openOperators,
  openPolicies,
  policyMigrations,
  serviceMigrations,
  systemGrant,
  type Operators,
  type Policies,
  type Services,
} from '#access'
import { type Audit, auditMigrations, openAudit } from '#audit'
import { type Clock, type DeviceId, Fault, type Random, type Result, type Subject } from '#base'
import type { Broker } from '#broker'
import { type Bus, openBus } from '#bus'
import { type Egress, egressMigrations } from '#egress'
import { type Gateway, type ProbeTls, openGateway } from '#gateway'
import { isProbePort } from '#guard'
import { type Hub, fileDefaults, hubMigrations, jobDefaults, openHub } from '#hub'
import { type Journal, encodeFact, openJournal, systemDisk } from '#journal'
import { type Campaigns, type KeyStore, type Pki, openPki, pkiMigrations, watchForeignLists } from '#pki'
import { type Provisioning, provisioningMigrations, tpmSealer } from '#provisioning'
import { type Store, openStore } from '#store'
import { type Vault, type VaultCare, keyDisk, openVault, secretMigrations } from '#vault'
import { describe, hostWithPort, isAddress } from './addresses.ts'
import { azureServiceOf } from './azure-service.ts'
import { type ServerConfig, defaultKeyFile } from './config.io.ts'
import type { Log } from './log.io.ts'
import { keyGuards } from './key-guards.ts'
import { openKeyStore } from './key-store.io.ts'
import { openRouting } from './egress.io.ts'
import { openRootCampaigns } from './campaigns.ts'
import { type Enrolling, openEnrolling } from './acme.io.ts'
import { closeAllOf, openDeviceAuthentication, registryPorts } from './device-authentication.io.ts'
import { openFileTarget } from './file-target.io.ts'
import { blobProperties, openFileDisk } from './file-store.io.ts'
import { guardMigrations } from './guard-ports.ts'
import { type WatchedProof, watchPolicySessions } from './policy-sessions.ts'
import { policyScene } from './policy-usage.ts'
import { openProvisioningRoom } from './provisioning.ts'
import { retainedMigrations } from './retained-rows.ts'
import { type ServiceDoor, openServiceDoor } from './services.io.ts'
import { sessionMigrations } from './session-rows.ts'
import { createBroker, openState } from './session-state.ts'
import { sitesOf } from './sites.ts'
import { type Staples, openStaples } from './staples.ts'
import { systemDevices } from './system-devices.ts'
import { openVaultCare } from './vault-care.ts'
import { type HubSecrets, openVaultSecrets } from './vault-secrets.ts'

/** Every room of a running hub, opened in order; the console comes on top of them. */
export type Rooms = {
  readonly vault: Vault
  readonly care: VaultCare
  readonly secrets: HubSecrets
  readonly store: Store
  readonly audit: Audit
  readonly operators: Operators
  readonly journal: Journal
  readonly bus: Bus
  readonly broker: Broker
  readonly policies: Policies
  readonly pki: Pki
  /** Where keys of new issuers are made, and whether it is there. */
  readonly keys: KeyStore
  readonly est: Enrolling
  readonly campaigns: Campaigns
  readonly hub: Hub
  readonly provisioning: Provisioning
  readonly egress: Egress
  readonly back: ServiceDoor
  readonly gateway: Gateway
}

/** What the hub takes from the world, and where it says how far it is. */
export type World = {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Called as rooms open, for the progress of a first start. */
  readonly step: (what: string) => void
}

/**
 * Opens every room on `config.dataDirectory`, which is locked already. What is opened is put on `scope`, so that a failure half way closes
 * what stood, in reverse. Throws Faults; refusals become Faults with the same code, because a hub that cannot start has nobody to refuse.
 */
export async function openRooms(
  config: ServerConfig,
  hubId: string,
  isNew: boolean,
  world: World,
  scope: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<Rooms> {
  const { clock, random, log, step } = world
  const vault = scope.use(
    insist(
      await openVault(
        {
          keyFile: config.keyFile ?? defaultKeyFile(hubId, world.environment),
          dataDirectory: config.dataDirectory,
          mayCreate: isNew,
          ...(config.passphraseFile === undefined ? {} : { passphraseFile: config.passphraseFile }),
        },
        { disk: keyDisk, random, guards: keyGuards(world) },
      ),
    ),
  )
  step('storage')
  using storeKey = vault.dataKey('store')
  const migrations = [
    ...auditMigrations,
    ...hubMigrations,
    ...pkiMigrations,
    ...retainedMigrations,
    ...guardMigrations,
    ...policyMigrations,
    ...serviceMigrations,
    ...sessionMigrations,
    ...egressMigrations,
    ...provisioningMigrations,
    ...secretMigrations,
  ]
  const store = scope.use(await openStore({ file: join(config.dataDirectory, 'hub.db'), key: storeKey, migrations }, { clock }, signal))
  const audit = await openAudit({ store, clock }, signal)
  const care = await openVaultCare(config.dataDirectory, { store, vault, audit, clock, random, log })
  const operators = scope.use(openOperators({ clock, random, append: (grant, what) => audit.append(grant, what) }))
  const journal = scope.use(
    await openJournal(
      { directory: join(config.dataDirectory, 'journal'), retentionBytes: config.retentionBytes, retentionMs: config.retentionMs },
      { disk: systemDisk, clock, random, wrapKey: (key) => vault.wrapKey(key), unwrapKey: (wrapped) => vault.unwrapKey(wrapped) },
      signal,
    ),
  )
  const secrets = scope.use(await openVaultSecrets({ store, audit, vault, journal, clock, random, log }, signal))
  step('certificates')
  const bus = openBus(clock)
  const broker = createBroker(config.limits, clock, (subject) => policies.policyOf(subject))
  const keys = scope.use(await openKeyStore(config.keys, { vault, clock, journal, log, environment: world.environment }))
  const publicUrl = () => (door === undefined ? undefined : `https://${hostWithPort(config.names[0] ?? 'localhost', door.httpsPort)}`)
  const pki = scope.use(
    insist(
      await openPki(
        { names: config.names.filter((name) => !isAddress(name)), addresses: config.names.filter(isAddress) },
        {
          store,
          commit: (grant, what, statements) => audit.commit(grant, what, statements),
          seal: (purpose, plaintext) => vault.seal(purpose, plaintext),
          unseal: (purpose, sealed) => vault.unseal(purpose, sealed),
          keys,
          clock,
          random,
          system: systemGrant('certificate.issue', 'hub'),
          publicUrl,
          tell: (fact) => void journal.append(encodeFact(fact)),
          trouble: (what, error) => log.error(what, { error }),
        },
        signal,
      ),
    ),
  )
  const fileTarget = insist(openFileTarget(config.files))
  const hub: Hub = scope.use(
    await openHub(
      {
        store,
        clock,
        random,
        journal,
        commit: (grant, what, statements) => audit.commit(grant, what, statements),
        tell: (fact) => void journal.append(encodeFact(fact)),
        changed: (device, reason) => closeAllOf(device, reason, bus, authentication),
        sharedKeys: {
          allowedUntil: config.authentication.sasUntil,
          seal: (purpose, plaintext) => vault.seal(purpose, plaintext),
          unseal: (purpose, sealed) => vault.unseal(purpose, sealed),
        },
        registryJobs: {
          readTwins: systemGrant('twin.read', 'jobs'),
          writeTwins: systemGrant('twin.write', 'jobs'),
          configurations: systemGrant('configuration.read', 'jobs'),
        },
        files: {
          disk: openFileDisk(join(config.dataDirectory, 'files')),
          key: scope.use(vault.dataKey('files')),
          settings: { ...fileDefaults, notifications: config.fileNotifications, target: fileTarget },
          localHost: () => hostWithPort(config.names[0] ?? 'localhost', door?.httpsPort ?? config.httpsPort),
          blobOf: blobProperties,
        },
        jobs: {
          permits: { twin: systemGrant('twin.write', 'jobs'), method: systemGrant('method.invoke', 'jobs') },
          settings: { ...jobDefaults, devicesPerSecond: config.jobDevicesPerSecond },
        },
        trouble: (what, error) => log.error(what, { error }),
      },
      signal,
    ),
  )
  const campaigns = await openRootCampaigns({ store, audit, journal, pki, hub, clock, random, log, publicUrl })
  const est = scope.use(await openEnrolling(config, { store, audit, journal, vault, pki, devices: hub.devices, clock, random, log }))
  const provisioning = scope.use(
    await openProvisioningRoom(config, { store, audit, journal, vault, pki, bus, hub, clock, random, log }, tpmSealer(random), signal),
  )
  const egress = scope.use(await openRouting(config, { store, journal, audit, hub, clock, random, log, secrets }, signal))
  const back = scope.use(insist(await openServiceDoor(config, { store, audit, vault, journal, clock, random })))
  const registry = registryPorts(config, pki, hub, campaigns, (name) => back.directory.signing(name))
  const lists = scope.use(watchForeignLists(clock, (fact) => void journal.append(encodeFact(fact))))
  const authentication = scope.use(insist(openDeviceAuthentication(config.authentication, registry, clock, lists)))
  const proof = watchPolicySessions(authentication, back.directory, bus, (what, error) => log.error(what, { error }))
  let door: Gateway | undefined
  const policies = await openPolicies(
    {
      store,
      clock,
      random,
      fixed: [hubChecksDocument(systemDevices)],
      commit: (grant, what, statements) => audit.commit(grant, what, statements),
      tell: (fact) => void journal.append(encodeFact(fact)),
      scene: () => policyScene(broker, journal),
    },
    signal,
  )
  step('listeners')
  const staples = scope.use(openStaples(pki, clock, (what, error) => log.error(what, { error })))
  const saveState = await openState(
    config.limits,
    { journal, broker, store, clock },
    (subject) => policies.policyOf(subject),
    () => door?.routedTo ?? journal.durableEnd,
    (what, error) => log.error(what, { error }),
  )
  scope.defer(saveState)
  const gateway = scope.use(
    await openDeviceDoor(
      config,
      {
        est,
        campaigns,
        clock,
        random,
        log,
        secrets,
        journal,
        broker,
        bus,
        pki,
        staples,
        policies,
        hub,
        provisioning,
        egress,
        authentication,
        services: back.services,
        proof,
      },
      signal,
    ),
  )
  door = gateway
  policies.onChange(() => {
    const { closed, ...effect } = gateway.policyChanged()
    return { sessionsClosed: closed, ...effect }
  })
  return {
    vault,
    care,
    secrets,
    store,
    audit,
    operators,
    policies,
    journal,
    bus,
    broker,
    pki,
    keys,
    est,
    campaigns,
    hub,
    provisioning,
    egress,
    back,
    gateway,
  }
}

type Behind = Pick<
  Rooms,
  'est' | 'campaigns' | 'secrets' | 'journal' | 'broker' | 'bus' | 'pki' | 'policies' | 'hub' | 'provisioning' | 'egress'
> &
  Pick<World, 'clock' | 'random' | 'log'> & {
    readonly authentication: Authentication
    readonly services: Services
    readonly proof: WatchedProof
    readonly staples: Staples
  }

async function openDeviceDoor(config: ServerConfig, rooms: Behind, signal: AbortSignal): Promise<Gateway> {
  const { est, clock, random, log, journal, broker, bus, pki, policies, hub, authentication, services, proof, staples } = rooms
  const ports = {
    clock,
    random,
    journal,
    broker,
    bus,
    hub,
    authenticate: proof.authenticate,
    reauthenticate: authentication.reauthenticate,
    authenticateDevice: proof.authenticateDevice,
    services,
    provisioning: rooms.provisioning.device,
    sites: sitesOf({
      hub,
      provisioning: rooms.provisioning,
      clock,
      random,
      est: est.site,
      acme: est.acme.site,
      secrets: rooms.secrets,
      services,
      names: config.names,
      pki,
    }),
    http: azureServiceOf({ hub, services, throttles: config.services.throttles, clock, random, log }).handle,
    staple: staples,
    policyOf: (subject: Subject) => policies.policyOf(subject),
    policyVersion: () => policies.current.version,
    serverTls: () => {
      const { certificatePem, keyPem } = pki.serverCertificate()
      const clientCa = pki.trustAnchorsPem + pki.issuersPem + authentication.trustAnchorsPem
      return { cert: certificatePem, key: keyPem.use((bytes) => bytes.toString('utf8')), clientCa, probe: probeTls(pki, clientCa) }
    },
    trustProven: (device: DeviceId, thumbprint: string) => rooms.campaigns.proven(device, thumbprint),
    trustRefused: () => rooms.campaigns.probeFailed(),
    onServerTls: (renewed: () => void) => void pki.onServerCertificate(renewed),
    describeCertificate: describe,
    isProbePort,
    connectionEventMs: config.connectionEventMs,
    health: () => healthOf(journal, pki),
    trouble: (what: string, error: unknown) => log.error(what, { error }),
  }
  const { limits } = config
  const listeners = {
    mqttLimits: limits.mqtt,
    httpsLimits: limits.https,
    admission: limits.admission,
    overload: limits.overload,
    memoryBytes: limits.memoryBytes,

    host: config.host,
    mqttPort: config.mqttPort,
    httpsPort: config.httpsPort,
    amqpPort: config.amqpPort,
    amqpLimits: limits.mqtt,
    amqp: { names: eventNames(config.names), partitions: config.eventPartitions, createdAt: clock.now() },
    workers: config.workers,
  }
  try {
    return await openGateway(listeners, ports, signal)
  } catch (error) {
    // Without the right to bind 443 a hub that was not told otherwise takes 8443 and says so.
    const denied = error instanceof Fault && (error.code === 'gateway/port-privileged' || error.code === 'gateway/port-taken')
    if (!denied || config.httpsFallback === undefined || !error.message.startsWith(`Port ${config.httpsPort} `)) throw error
    return await openGateway({ ...listeners, httpsPort: config.httpsFallback }, ports, signal)
  }
}

/** The hub's names and what stands before their first dot: clients of Event Hubs may call the endpoint either. */
function eventNames(names: readonly string[]): readonly string[] {
  return [...names, ...names.filter((name) => !isAddress(name)).map((name) => name.split('.', 1)[0] ?? name)]
}

/** What probes of trust in a new root are shown. */
function probeTls(pki: Pki, clientCa: string): ProbeTls | undefined {
  const probe = pki.probeCertificate()
  if (probe === undefined) return undefined
  const names = probe.names.map(({ value }) => value)
  return { names, cert: probe.certificatePem, key: probe.keyPem.use((bytes) => bytes.toString('utf8')), clientCa }
}

/** Why the hub is not well; empty: it is. */
export function healthOf(journal: Pick<Journal, 'state'>, { revocations }: Pick<Pki, 'revocations'>): readonly string[] {
  const state = journal.state()
  return [...(state.kind === 'open' ? [] : [`journal ${state.kind}: ${state.message}`]), ...revocations.reasons()]
}

/** Turns a refusal at start into a Fault: there is nobody but the operator to tell, and the hub does not run. */
export function insist<T>(result: Result<T>): T {
  if (result.ok) return result.value
  const { code, message, detail } = result.error
  throw new Fault(code, detail === undefined ? message : `${message} (${detail})`)
}
