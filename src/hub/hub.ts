import type { Journal } from '#journal'
import type { CloudToDevice, FeedbackQueue, FileNotificationQueue } from './cloud-to-device.ts'
import type { Files } from './file.ts'
import type { Configurations } from './hub-parts.ts'
import type { Jobs } from './job.ts'
import type { Methods } from './method.ts'
import type { ModuleRegistry } from './module-registry.ts'
import type { Presence } from './presence.ts'
import type { Queries } from './query.ts'
import { type Registry, openRegistry } from './registry.ts'
import type { RegistryPorts } from './registry-state.ts'
import type { Twins } from './twin.ts'
import { openTwins } from './twins.ts'

/** What the hub's domain asks of others: {@link RegistryPorts}, and the journal, which is the truth about twins. */
export type HubPorts = RegistryPorts & {
  readonly journal: Journal
  /** Told what went wrong in the hub itself, for the log. */
  readonly trouble?: ((what: string, error: unknown) => void) | undefined
}

/** The hub's domain: devices and modules, and everything that a back end does with them. Closing it writes what is still in memory. */
export type Hub = AsyncDisposable & {
  readonly devices: Registry
  readonly modules: ModuleRegistry
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
}

/** Opens the hub on its rows (its tables come from `hubMigrations`). Its parts are opened in order, and closed in reverse. Throws the store's Faults. */
export async function openHub(ports: HubPorts, signal: AbortSignal): Promise<Hub> {
  await using scope = new AsyncDisposableStack()
  const { devices, modules } = await openRegistry(ports, signal)
  const twins = scope.use(
    await openTwins(
      {
        ...ports,
        registered: (identity) => devices.find(identity),
        audit: async (grant, what) => void (await ports.commit(grant, what, [])),
        trouble: ports.trouble ?? (() => undefined),
      },
      signal,
    ),
  )
  const opened = scope.move()
  return {
    devices,
    modules,
    get presence() {
      return notOpened('presence')
    },
    twins,
    get methods() {
      return notOpened('methods')
    },
    get messages() {
      return notOpened('messages')
    },
    get feedback() {
      return notOpened('feedback')
    },
    get fileNotifications() {
      return notOpened('fileNotifications')
    },
    get files() {
      return notOpened('files')
    },
    get queries() {
      return notOpened('queries')
    },
    get jobs() {
      return notOpened('jobs')
    },
    get configurations() {
      return notOpened('configurations')
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  }
}

function notOpened(part: string): never {
  throw new Error(`bug: ${part} not opened`)
}
