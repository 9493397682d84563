import { createServer } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { EventHubConsumerClient, type ReceivedEventData, earliestEventPosition } from '@azure/event-hubs'
import azure from 'azure-iothub'
import { HubProcess } from '../hub.ts'
import { until, within } from '../until.ts'
import { Cutter } from './cutter.ts'
import { knowNames } from './names.ts'

const { Client, Registry } = azure

/** What the hub of the suite is called, and by what name it is reached through a proxy that can cut. Both have the ports that SDKs take by default. */
export const suiteHost = 'hub.suite.test'
const cutHost = 'cut.suite.test'
const [hubAddress, cutAddress] = ['127.0.0.6', '127.0.0.7']
/** A name of the hub behind which a test may put what it likes, and its address. */
export const [tapeHost, tapeAddress] = ['tape.suite.test', '127.0.0.8'] as const

/** A record of feedback, as back ends read it. */
export type FeedbackRecord = { readonly originalMessageId: string; readonly statusCode: string; readonly deviceId: string }

/** What a file notification says. */
export type FileNotification = { readonly deviceId: string; readonly blobName: string; readonly blobSizeInBytes: number }

/** The one hub of the suite, and back ends that stay connected for its length. */
export type SuiteHub = AsyncDisposable & {
  readonly hub: HubProcess
  /** Connection strings of a policy that may do everything but act as devices: for service SDKs and for readers of events. */
  readonly owner: string
  readonly events: string
  readonly registry: InstanceType<typeof Registry>
  readonly service: InstanceType<typeof Client>
  /** What a back end has read so far: telemetry of every device, feedback, and file notifications. */
  readonly read: readonly ReceivedEventData[]
  readonly feedback: readonly FeedbackRecord[]
  readonly notifications: readonly FileNotification[]
  /** What goes by `byCutter` can be cut. */
  readonly cutter: Cutter
  /** Makes a device, or a module of it, with keys that the hub invents, and gives its connection string. */
  keyed(device: string, module?: string): Promise<string>
  /** The same connection string, by the proxy that cuts. */
  byCutter(connectionString: string): string
  /** Resolves with the telemetry of a device when a back end has read `count` messages of it. */
  telemetryOf(device: string, count: number): Promise<readonly ReceivedEventData[]>
}

/**
 * Starts it, on addresses of its own, since SDKs take no other port than 443 for most of what they do. This process trusts the hub's root from here
 * on: SDKs for back ends have no way to be told whom to trust. Undefined where port 443 may not be bound.
 */
export async function openSuiteHub(): Promise<SuiteHub | undefined> {
  if (!(await mayBind(hubAddress, 443)) || !(await mayBind(cutAddress, 443))) return undefined
  const end = new Date(Date.now() + 3_600_000).toISOString()
  const settings = `files: {notifications: true}
names: ["${suiteHost}", "${cutHost}", "${tapeHost}"]
broker: {deniedDelaySeconds: 0}
authentication: {sas: {allowedUntil: "${end}"}}
services: {sharedAccessPolicies: {allowedUntil: "${end}"}}
`
  await using scope = new AsyncDisposableStack()
  scope.use(knowNames({ [suiteHost]: hubAddress, [cutHost]: cutAddress, [tapeHost]: tapeAddress }))
  const ports = { mqtt: 8883, https: 443, amqp: 5671 }
  const hub = scope.use(await HubProcess.open({ host: hubAddress, ports, settings }))
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, hub.rootPem])
  scope.defer(() => setDefaultCACertificates(before))
  const rights = ['RegistryWrite', 'ServiceConnect']
  const made = await hub.api('POST', '/api/v1/shared-access-policies', { name: 'suite', rights, until: end })
  if (made.status !== 201) throw new Error(`the policy of the suite: ${made.status} ${made.text}`)
  const key = String(made.json['primaryKey'])
  const owner = `HostName=${suiteHost};SharedAccessKeyName=suite;SharedAccessKey=${key}`
  const events = `Endpoint=sb://${suiteHost}/;SharedAccessKeyName=suite;SharedAccessKey=${key};EntityPath=messages/events`
  const registry = Registry.fromConnectionString(owner)
  const service = Client.fromConnectionString(owner)
  await within('the back end of the suite opens', 10_000, service.open())
  scope.defer(() => within('the back end of the suite closes', 5_000, service.close()).then(noMatter, noMatter))
  const feedback: FeedbackRecord[] = []
  const notifications: FileNotification[] = []
  const feedbackReceiver = await receiver((done) => service.getFeedbackReceiver(done))
  feedbackReceiver.on('message', ({ data }) => feedback.push(...JSON.parse(Buffer.from(data).toString())))
  const fileReceiver = await receiver((done) => service.getFileNotificationReceiver(done))
  fileReceiver.on('message', ({ data }) => notifications.push(JSON.parse(Buffer.from(data).toString())))
  const read: ReceivedEventData[] = []
  const consumer = new EventHubConsumerClient('$Default', events)
  const subscription = consumer.subscribe(
    { processEvents: async (more) => void read.push(...more), processError: async () => {} },
    { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
  )
  scope.defer(async () => {
    await subscription.close()
    await consumer.close()
  })
  const cutter = scope.use(await Cutter.open(cutAddress, hubAddress, Object.values(ports)))
  const held = scope.move()
  return {
    hub,
    owner,
    events,
    registry,
    service,
    read,
    feedback,
    notifications,
    cutter,
    async keyed(device, module) {
      if (module === undefined) {
        const { responseBody } = await registry.create({ deviceId: device })
        return `HostName=${suiteHost};DeviceId=${device};SharedAccessKey=${responseBody.authentication?.symmetricKey?.primaryKey ?? ''}`
      }
      await registry.addModule({ deviceId: device, moduleId: module })
      const { responseBody } = await registry.getModule(device, module)
      const primaryKey = responseBody.authentication?.symmetricKey?.primaryKey ?? ''
      return `HostName=${suiteHost};DeviceId=${device};ModuleId=${module};SharedAccessKey=${primaryKey}`
    },
    byCutter: (connectionString) => connectionString.replace(`HostName=${suiteHost};`, `HostName=${cutHost};`),
    async telemetryOf(device, count) {
      const mine = () => read.filter(({ systemProperties }) => systemProperties?.['iothub-connection-device-id'] === device)
      await until(`${count} messages of ${device} are read`, 20_000, () => mine().length >= count)
      return mine()
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const noMatter = (): void => undefined

type Receiver = { on(event: 'message', heard: (message: { readonly data: Buffer }) => void): void }

/** The receivers of the service SDK, by their callbacks: their promises resolve with something else. */
function receiver(ask: (done: (error?: Error, receiver?: Receiver) => void) => void): Promise<Receiver> {
  const { promise, resolve, reject } = Promise.withResolvers<Receiver>()
  ask((error, found) => (found === undefined ? reject(error ?? new Error('no receiver')) : resolve(found)))
  return within('a receiver opens', 10_000, promise)
}

/** Whether this process may listen there: low ports are for root, unless the system says otherwise. */
export function mayBind(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.on('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
