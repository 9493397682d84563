import { type Static, Type } from 'typebox'
import { type Grant, type Result, limits, ok, parseDeviceId, refuse } from '#base'
import { type DeviceSpec, parseDeviceCsv } from '#hub'
import { addWithCertificates } from '../issue.ts'
import type { ControlPorts } from '../ports.ts'
import { type Route, type StreamOut, bare, streamRoute } from '../route.ts'
import { device } from '../schema.ts'
import { deviceView } from '../views.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const text = Type.String()

/** Devices that share one commit, and that fail or succeed together. */
const chunkSize = 200

const input = Type.Union(
  [
    Type.Object(
      {
        prefix: Type.String({ maxLength: 120 }),
        count: Type.Integer({ minimum: 1, maximum: limits.devicesPerRequest }),
        start: Type.Optional(Type.Integer({ minimum: 0, maximum: 999_999_999 })),
        digits: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
      },
      closed,
    ),
    Type.Object({ csv: text }, closed),
  ],
  { title: 'BulkInput' },
)

const line = Type.Union(
  [
    Type.Object({ kind: Type.Literal('progress'), done: count, total: count }, closed),
    Type.Object({ kind: Type.Literal('device'), device, certificatePem: Type.Optional(text), privateKeyPem: Type.Optional(text) }, closed),
    Type.Object({ kind: Type.Literal('error'), line: Type.Optional(count), id: Type.Optional(text), code: text, message: text }, closed),
    Type.Object({ kind: Type.Literal('done'), added: count, failed: count }, closed),
  ],
  { title: 'BulkLine' },
)

type Wanted = { readonly line?: number; readonly spec: DeviceSpec }
type Problem = { readonly line?: number; readonly id?: string; readonly code: string; readonly message: string }
type Grants = { readonly write: Grant<'device.write'>; readonly issue: Grant<'certificate.issue'> }

/** Many devices in one request. */
export function bulkRoutes({ ports }: Parts): readonly Route[] {
  return [
    streamRoute({
      ...bare,
      method: 'POST',
      path: '/api/v1/devices/bulk',
      summary:
        'Adds devices by a prefix and a count, or from a CSV. A CSV with any fault adds nothing; a device that exists is named and left out.',
      access: { grants: ['device.write'], sometimes: ['certificate.issue'] },
      resource: () => 'devices',
      body: input,
      bodyBytes: limits.httpBodyBytes,
      answer: { stream: 'application/x-ndjson', line, description: 'One JSON object a line, the last of kind `done`.' },
      handle(call) {
        const issue = call.ask('certificate.issue')
        if (!issue.ok) return issue
        const wanted = 'csv' in call.body ? fromCsv(call.body.csv) : fromCount(call.body)
        if (!wanted.ok) return wanted
        const grants = { write: call.grant('device.write'), issue: issue.value }
        return ok((out: StreamOut) => addMany(ports, grants, wanted.value, out))
      },
    }),
  ]
}

type Plan = { readonly devices: readonly Wanted[]; readonly problems: readonly Problem[] }

function fromCsv(csv: string): Result<Plan> {
  const parsed = parseDeviceCsv(csv)
  if (parsed.ok) return ok({ devices: parsed.value, problems: [] })
  return ok({ devices: [], problems: parsed.error.map(({ line, code, message }) => ({ line, code, message })) })
}

function fromCount(given: {
  readonly prefix: string
  readonly count: number
  readonly start?: number
  readonly digits?: number
}): Result<Plan> {
  const start = given.start ?? 1
  const digits = given.digits ?? String(start + given.count - 1).length
  const devices: Wanted[] = []
  for (let n = start; n < start + given.count; n++) {
    const id = parseDeviceId(`${given.prefix}${String(n).padStart(digits, '0')}`)
    if (!id.ok) return refuse(id.error.code, id.error.message)
    devices.push({ spec: { id: id.value, authentication: { type: 'certificateAuthority' } } })
  }
  return ok({ devices, problems: [] })
}

/** Adds in chunks until all are done or the reader is gone: what nobody would receive the key of is not made. */
async function addMany(ports: ControlPorts, grants: Grants, { devices, problems }: Plan, out: StreamOut): Promise<void> {
  const write = (lines: readonly Static<typeof line>[]) => out.write(lines.map((one) => `${JSON.stringify(one)}\n`).join(''))
  await write([...problems.map((one) => ({ kind: 'error' as const, ...one })), { kind: 'progress', done: 0, total: devices.length }])
  let added = 0
  let failed = problems.length
  for (let at = 0; at < devices.length; at += chunkSize) {
    const chunk = devices.slice(at, at + chunkSize)
    const lines = await addChunk(ports, grants, chunk)
    added += lines.filter((one) => one.kind === 'device').length
    failed += lines.filter((one) => one.kind === 'error').length
    await write([...lines, { kind: 'progress', done: at + chunk.length, total: devices.length }])
  }
  await write([{ kind: 'done', added, failed }])
}

async function addChunk(ports: ControlPorts, grants: Grants, chunk: readonly Wanted[]): Promise<readonly Static<typeof line>[]> {
  const lines: Static<typeof line>[] = []
  const tell = (one: Wanted, code: string, message: string) =>
    lines.push({ kind: 'error', ...(one.line === undefined ? {} : { line: one.line }), id: one.spec.id, code, message })
  const fresh = chunk.filter((one) => ports.devices.find(one.spec.id) === undefined)
  for (const one of chunk) if (!fresh.includes(one)) tell(one, 'hub/device-exists', `Device ${one.spec.id} exists already.`)
  for (const ours of [true, false]) {
    const part = fresh.filter((one) => (one.spec.authentication.type === 'certificateAuthority') === ours)
    if (part.length === 0) continue
    const specs = part.map((one) => one.spec)
    const outcome = await addWithCertificates(ports, grants.write, specs, ours ? { grant: grants.issue } : undefined)
    if (!outcome.ok) for (const one of part) tell(one, outcome.error.code, outcome.error.message)
    else
      for (const { device: made, handed } of outcome.value) {
        const pem = handed === undefined ? {} : { certificatePem: handed.certificatePem }
        const key = handed?.privateKeyPem === undefined ? {} : { privateKeyPem: handed.privateKeyPem }
        lines.push({ kind: 'device', device: deviceView(made), ...pem, ...key })
      }
  }
  return lines
}
