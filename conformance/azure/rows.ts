import { type Over, connectedTransports, deviceTransports } from './case.ts'

/** One row of azure-wire 11: what clients call, and over what it must be shown, or why it is not yet. */
export type Row = {
  readonly id: string
  readonly calls: string
  readonly passes: string
  readonly over: readonly Over[]
  readonly later?: string
}

const payloads = 'with webhooks that decide where devices go; payloads are taken until then, and read by nobody'
const rest = ['rest'] as const

/** Rows that must pass (azure-wire 11.3). */
export const must: readonly Row[] = [
  {
    id: 'M1',
    calls: '`Client` `open`, `sendEvent`, `sendEventBatch`, `close`',
    passes: 'read back with properties; the SDK has batches over HTTPS alone',
    over: deviceTransports,
  },
  {
    id: 'M2',
    calls: "`on('message')`, `complete`, by AMQP `abandon`, `reject`; `send` with feedback",
    passes: 'feedback says what became of it',
    over: connectedTransports,
  },
  {
    id: 'M3',
    calls: '`onDeviceMethod`; `invokeDeviceMethod`',
    passes: 'status and payload travel; 404 when offline, 504 on silence',
    over: connectedTransports,
  },
  {
    id: 'M4',
    calls: "`getTwin`, `reported.update`, `on('properties.desired')`",
    passes: 'versions are right; too large is an error',
    over: connectedTransports,
  },
  {
    id: 'M5',
    calls: 'renewal of the token by the SDK',
    passes: 'methods, desired properties and messages still arrive',
    over: connectedTransports,
  },
  {
    id: 'M6',
    calls: 'a cut connection; a second client',
    passes: 'it comes back; the first is closed, nobody storms',
    over: connectedTransports,
  },
  {
    id: 'M7',
    calls: '`setOptions({cert,key,ca})`',
    passes: 'issued and self-signed connect, another is refused at once',
    over: deviceTransports,
  },
  {
    id: 'M8',
    calls: 'bad key, disabled device, expired token, unknown id',
    passes: '`UnauthorizedError` at once',
    over: deviceTransports,
  },
  { id: 'M9', calls: '`ModuleClient` `sendOutputEvent`, twin, `onMethod`', passes: 'as M1 to M4', over: connectedTransports },
  {
    id: 'M10',
    calls: 'provisioning with symmetric keys, MQTT',
    passes: 'assigned, and a device of the hub; refusals are alike',
    over: ['mqtt', 'mqtt-ws'],
  },
  {
    id: 'M11',
    calls: 'provisioning with X.509, MQTT',
    passes: 'as M10, by its own certificate and by that of its group',
    over: ['mqtt', 'mqtt-ws'],
  },
  { id: 'M12', calls: 'provisioning over HTTPS', passes: 'as M10 and M11', over: ['http'] },
  { id: 'M13', calls: '`setProvisioningPayload`', passes: '', over: [], later: payloads },
  { id: 'M14', calls: '`Registry`: devices, one and many', passes: '409, 404 and 412 are of the right class', over: rest },
  { id: 'M15', calls: '`Registry`: modules', passes: 'as M14', over: rest },
  { id: 'M16', calls: '`Registry`: twins', passes: 'a stale etag is an error', over: rest },
  { id: 'M17', calls: '`Registry.createQuery`', passes: '`hasMoreResults` ends', over: rest },
  {
    id: 'M18',
    calls: '`Client` `open`, `send`, `getFeedbackReceiver`, `invokeDeviceMethod`, `close`',
    passes: 'as M2 and M3; what is wrong is refused',
    over: ['amqp', 'amqp-ws', 'rest'],
  },
  {
    id: 'M19',
    calls: '`ProvisioningServiceClient`',
    passes: 'refusals are of the right class; keys are shown to who may write alone',
    over: rest,
  },
  { id: 'M20', calls: '`EventHubConsumerClient`', passes: 'positions hold, annotations are there', over: ['amqp', 'amqp-ws'] },
  { id: 'M21', calls: '`Registry.getRegistryStatistics`', passes: 'it counts what is there', over: rest },
]

/** Rows that should pass (azure-wire 11.4). WebSocket, AMQP and HTTPS of devices are columns of the rows before. */
export const should: readonly Row[] = [
  { id: 'S1', calls: '`receive`, `complete`, `abandon`, `reject` over HTTPS', passes: 'feedback says what became of it', over: ['http'] },
  {
    id: 'S2',
    calls: '`uploadToBlob`, `getBlobSharedAccessSignature`, `notifyBlobUploadStatus`, `getFileNotificationReceiver`',
    passes: 'stored, and a back end is told',
    over: ['http'],
  },
  { id: 'S3', calls: '`JobClient`', passes: 'twins and methods by jobs, found again, cancelled', over: rest },
  { id: 'S4', calls: '`Registry`: configurations, and content for one device', passes: 'applied, found, changed, removed', over: rest },
  {
    id: 'S5',
    calls: '`importDevicesFromBlob`, `exportDevicesToBlob`',
    passes: 'out into a container of the hub, and in again',
    over: rest,
  },
  { id: 'S6', calls: '`DigitalTwinClient`', passes: 'read, patched, commands', over: rest },
  { id: 'S7', calls: '`fromTokenCredential`', passes: 'as far as the role goes', over: rest },
  { id: 'S8', calls: 'a queue is purged', passes: 'gone, and feedback says so', over: rest },
  { id: 'S9', calls: 'provisioning over AMQP, and over WebSocket', passes: 'as M10 and M11', over: ['amqp', 'amqp-ws'] },
]

/** Tests of other files that show a row over REST, by how their names begin. */
export const othersShow: readonly (readonly [begins: string, row: string])[] = [
  ...['M14', 'M15', 'M16', 'M17', 'M18', 'M19', 'M21'].map((row) => [`${row}:`, row] as const),
  ['jobs over devices:', 'S3'],
  ['configurations are added', 'S4'],
  ['a digital twin is read', 'S6'],
  ['fromTokenCredential:', 'S7'],
]
