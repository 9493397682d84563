import { instant, isoTime } from '#base'
import { type Shape, anything, entries, flag, list, maybe, number, object, text } from './shape.ts'

/*
 * The parts of the hub's API that this command reads. Members that only --json shows are not named here.
 */

/** A point in time, told as RFC 3339 text or as milliseconds since 1970; read as text. */
export const time: Shape<string> = (value, at) => (typeof value === 'number' ? isoTime(instant(value)) : text(value, at))

/** How a device proves who it is. */
export const authentication = object({ type: text, primaryThumbprint: maybe(text), secondaryThumbprint: maybe(text) })

/** A device of the registry. */
export const device = object({
  id: text,
  status: text,
  statusReason: maybe(text),
  etag: maybe(text),
  authentication,
  createdAt: maybe(time),
  updatedAt: maybe(time),
  connected: maybe(flag),
  certificate: maybe(object({ notAfter: maybe(time) })),
})
/** See {@link device}. */
export type ApiDevice = ReturnType<typeof device>

/** A page of devices. */
export const devicePage = object({ devices: list(device), next: maybe(text), total: maybe(number) })

/** A live connection of a device. */
export const connection = object({
  device: text,
  clientId: text,
  transport: text,
  mqttVersion: number,
  address: text,
  since: time,
  tls: maybe(object({ version: maybe(text), cipher: maybe(text) })),
  inMessages: maybe(number),
  outMessages: maybe(number),
})

/** A certificate that the hub issued or knows. */
export const certificate = object({
  serial: text,
  fingerprintSha256: maybe(text),
  subject: maybe(text),
  notBefore: maybe(time),
  notAfter: maybe(time),
  status: text,
  reason: maybe(text),
})

/** Where a device connects. */
export const endpoint = object({ host: text, mqttPort: number, httpsPort: number, connectionString: maybe(text) })
/** See {@link endpoint}. */
export type ApiEndpoint = ReturnType<typeof endpoint>

/** The answer to a device that was added. */
export const added = object({ device, certificatePem: maybe(text), privateKeyPem: maybe(text), rootPem: text, connection: endpoint })

/** How many sessions were closed and how fast. */
export const receipt = object({ closed: number, of: number, elapsedMs: number, transports: maybe(entries(number)) })
/** See {@link receipt}. */
export type ApiReceipt = ReturnType<typeof receipt>

/** Why a device may or may not. */
export const decision = object({
  allowed: flag,
  action: text,
  device: text,
  topic: maybe(text),
  rule: maybe(text),
  reason: text,
  change: maybe(text),
  patch: maybe(object({ document: text, isNew: flag, yaml: text })),
  checked: list(object({ rule: text, topics: anything, matched: flag })),
})

/** The last run of the checks. */
export const checkReport = object({
  ranAt: maybe(time),
  durationMs: maybe(number),
  controls: list(
    object({
      control: text,
      title: text,
      severity: maybe(text),
      fix: maybe(text),
      verdict: text,
      reason: text,
      findings: maybe(list(anything)),
      evidence: maybe(list(anything)),
    }),
  ),
})

/** The hub itself. */
export const hubState = object({
  name: maybe(text),
  version: text,
  startedAt: time,
  rootFingerprint: text,
  hostNames: list(text),
  listeners: list(object({ name: text, protocol: text, host: text, port: number, reason: maybe(text) })),
  devices: number,
  connections: number,
  rates: maybe(object({ messagesIn: number, messagesOut: number })),
  journal: maybe(
    object({ state: maybe(text), bytes: maybe(number), flush: maybe(object({ p50Ms: maybe(number), p99Ms: maybe(number) })) }),
  ),
  memory: maybe(object({ rss: number })),
  findings: maybe(number),
})
/** See {@link hubState}. */
export type ApiHub = ReturnType<typeof hubState>

/** A page of the audit log. */
export const auditPage = object({
  records: list(
    object({
      sequence: number,
      time,
      actor: anything,
      action: text,
      resource: text,
      outcome: maybe(text),
      previousHash: maybe(text),
      hash: text,
    }),
  ),
  verified: flag,
})
