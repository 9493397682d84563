import type { DeviceId } from '#base'
import { type Journal, type JsonFact, encodeFact } from '#journal'
import { type Bulk, openBulk } from './bulk.ts'
import type { CloudToDevice, FeedbackQueue, FileNotificationQueue } from './cloud-to-device.ts'
import { openMessages } from './cloud-to-device-queue.ts'
import type { Files } from './file.ts'
import { type HubFiles, openFilePart } from './file-part.ts'
import type { Configurations } from './configuration.ts'
import { openConfigurations } from './configurations.ts'
import type { Jobs } from './job.ts'
import type { JobPermits } from './job-run.ts'
import { type JobSettings, openJobs } from './jobs.ts'
import type { Methods } from './method.ts'
import { openMethods } from './method-calls.ts'
import type { ModuleRegistry } from './module-registry.ts'
import { type Presence, openPresence } from './presence.ts'
import type { Queries } from './query.ts'
import { openQueries } from './query-run.ts'
import { type Registry, openRegistry } from './registry.ts'
import type { RegistryPorts } from './registry-state.ts'
import type { RegistryJobPermits, RegistryJobs } from './registry-job.ts'
import { openRegistryJobs } from './registry-jobs.ts'
import { type Containers, openContainers } from './containers.ts'
import type { Transfer } from './transfer.ts'
import { openTransfer } from './transfers.ts'
import type { Twins } from './twin.ts'
import { openTwins } from './twins.ts'

/** What the hub's domain asks of others: {@link RegistryPorts}, and the journal, which is the truth about twins. */
export type HubPorts = RegistryPorts & {
  readonly journal: Journal
  /** Where files of devices go. Undefined: nowhere. */
  readonly files?: HubFiles | undefined
  /** What jobs may do, and how fast. Undefined: there are none. */
  readonly jobs?: { readonly permits: JobPermits; readonly settings?: JobSettings | undefined } | undefined
  /** What imports and exports over the service's interface may do. Undefined: there are none. */
  readonly registryJobs?: RegistryJobPermits | undefined
  /** Told what went wrong in the hub itself, for the log. */
  readonly trouble?: ((what: string, error: unknown) => void) | undefined
}

/** The hub's domain: devices and modules, and everything that a back end does with them. Closing it writes what is still in memory. */
export type Hub = AsyncDisposable & {
  readonly devices: Registry
  readonly modules: ModuleRegistry
  readonly bulk: Bulk
  readonly presence: Presence
  readonly twins: Twins
  readonly methods: Methods
  readonly messages: CloudToDevice
  readonly feedback: FeedbackQueue
  readonly fileNotifications: FileNotificationQueue
  readonly files: Files
  readonly queries: Queries
  readonly jobs: Jobs
  readonly configurations: Configurations
  readonly transfer: Transfer
  readonly containers: Containers
  readonly registryJobs: RegistryJobs
}

/** Opens the hub on its rows (its tables come from `hubMigrations`). Its parts are opened in order, and closed in reverse. Throws the store's Faults. */
export async function openHub(ports: HubPorts, signal: AbortSignal): Promise<Hub> {
  await using scope = new AsyncDisposableStack()
  const trouble = ports.trouble ?? (() => undefined)
  let grew: () => void = () => undefined
  const { devices, modules } = await openRegistry(
    {
      ...ports,
      tell(fact) {
        ports.tell(fact)
        if (fact.kind === 'device-created' || fact.kind === 'module-created') grew()
      },
    },
    signal,
  )
  const registered = (identity: string) => devices.find(identity) ?? modules.find(identity)
  const identified = (identity: string) => devices.find(identity)?.id ?? modules.find(identity)?.identity
  const presence = scope.use(
    await openPresence({ ...ports, registered: identified, onRemoved: (gone) => devices.onRemoved(gone), trouble }, signal),
  )
  const twins = scope.use(
    await openTwins(
      {
        ...ports,
        registered,
        audit: async (grant, what) => void (await ports.commit(grant, what, [])),
        trouble,
      },
      signal,
    ),
  )
  const tell = (fact: JsonFact) => void ports.journal.append(encodeFact(fact))
  const generationOf = (identity: DeviceId) => registered(identity)?.generationId
  const messages = scope.use(await openMessages({ ...ports, tell, trouble, generationOf }, signal))
  devices.onRemoving(messages.removing)
  devices.onRemoved(messages.removed)
  const isRegistered = (identity: DeviceId) => devices.find(identity) !== undefined
  const isEnabled = (device: string) => devices.find(device)?.status === 'enabled'
  const files = scope.use(await openFilePart({ ...ports, tell, trouble, isRegistered, isEnabled }, ports.files, signal))
  devices.onRemoving(files.removing)
  devices.onRemoved(files.removed)
  const methods = openMethods({
    clock: ports.clock,
    tell,
    isRegistered: (identity) => registered(identity) !== undefined,
    audit: async (grant, what) => void (await ports.commit(grant, what, [])),
  })
  const queries = openQueries({ ...ports, twins, presence })
  const jobs =
    ports.jobs === undefined
      ? undefined
      : scope.use(await openJobs({ ...ports, ...ports.jobs, tell, trouble, queries, twins, methods }, signal))
  const isEdge = (device: DeviceId) => devices.find(device)?.capabilities.iotEdge === true
  const configurations = scope.use(await openConfigurations({ ...ports, tell, trouble, queries, twins, isEdge }, signal))
  grew = () => configurations.registryGrew()
  const bulk = openBulk({ devices, modules, twins })
  const { sharedKeys } = ports
  const transfer =
    sharedKeys === undefined ? undefined : await openTransfer({ ...ports, tell, sharedKeys, devices, modules, twins, configurations, bulk })
  const containers = scope.use(openContainers({ ...ports, trouble }))
  const registryJobs =
    transfer === undefined || ports.registryJobs === undefined
      ? undefined
      : scope.use(await openRegistryJobs({ ...ports, tell, permits: ports.registryJobs, transfer, containers, bulk, trouble }))
  const opened = scope.move()
  return {
    devices,
    modules,
    bulk,
    presence,
    twins,
    methods,
    messages: messages.messages,
    feedback: messages.feedback,
    fileNotifications: files.fileNotifications,
    files: files.files,
    queries,
    get jobs() {
      return jobs ?? notOpened('jobs')
    },
    configurations,
    containers,
    get registryJobs() {
      return registryJobs ?? notOpened('registryJobs')
    },
    get transfer() {
      return transfer ?? notOpened('transfer')
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function notOpened(part: string): never {
  throw new Error(`bug: ${part} not opened`)
}
