import { type ApiDevice, certificate, connection, device, devicePage, time } from '../api.ts'
import { attestationMembers, attested } from '../attestation/shape.ts'
import { ask } from '../ask.ts'
import type { Context } from '../context.ts'
import { done } from '../exit.ts'
import { isSet, position, text, wholeNumber } from '../given.ts'
import { devicePath, withQuery } from '../hub.ts'
import { type Piece, styled } from '../line.ts'
import { list, maybe, number, object } from '../shape.ts'
import type { Run } from '../spec.ts'
import { type Row, printMembers, printTable } from '../table.ts'

const pageSize = 500

/** `device ls`: every device, page by page; with --limit the first so many. */
export const deviceList: Run = async (context, given) => {
  const limit = wholeNumber(given, '--limit', 1, 10_000_000)
  if (!limit.ok) return limit
  const wanted = limit.value ?? Number.POSITIVE_INFINITY
  const query = { search: text(given, '--search'), status: text(given, '--status') }
  const rows: Row[] = []
  const all: unknown[] = []
  let after: string | undefined
  let count = 0
  do {
    const path = withQuery('/api/v1/devices', { ...query, after, limit: Math.min(pageSize, wanted - count) })
    const page = await ask(context, { method: 'GET', path, failure: 'The devices were not listed.' }, devicePage)
    if (!page.ok) return page
    count += page.value.value.devices.length
    if (isSet(given, '--json')) all.push(...rawDevices(page.value.raw))
    else rows.push(...page.value.value.devices.map(deviceRow))
    after = page.value.value.devices.length === 0 ? undefined : page.value.value.next
  } while (after !== undefined && count < wanted)
  if (isSet(given, '--json')) await context.terminal.printJson(all, 2)
  else await printTable(context.terminal, ['NAME', 'STATUS', 'CONNECTED', 'PROVES ITSELF BY', 'CERTIFICATE UNTIL'], rows)
  if (count === 0 && context.terminal.isPerson) context.terminal.say('No devices. Add one with: thingwall device add pump-1')
  return done
}

const rawPage = object({ devices: list((value) => value) })
const rawDevices = (raw: unknown): readonly unknown[] => rawPage(raw, 'the answer').devices

function deviceRow(entry: ApiDevice): Row {
  return [entry.id, statusPiece(entry.status), connectedPiece(entry.connected), proofText(entry), entry.certificate?.notAfter ?? '-']
}

function statusPiece(status: string): Piece {
  return styled(status === 'enabled' ? 'green' : 'yellow', status)
}

function connectedPiece(connected: boolean | undefined): Piece {
  if (connected === undefined) return '-'
  return connected ? styled('green', 'yes') : 'no'
}

const authenticationWords: ReadonlyMap<string, string> = new Map([
  ['certificateAuthority', 'certificate of this hub'],
  ['selfSigned', 'own certificate (thumbprint)'],
  ['sas', 'shared keys (SAS)'],
])
const proofText = (entry: ApiDevice) => authenticationWords.get(entry.authentication.type) ?? entry.authentication.type

const detail = object({
  device,
  connected: maybe((value) => value === true),
  state: maybe(
    object({
      connectionStateAt: maybe(time),
      lastActivityAt: maybe(time),
      waitingMessages: number,
      modules: number,
      twin: maybe(object({ version: number, desiredVersion: number, reportedVersion: number })),
    }),
  ),
  connections: maybe(list(connection)),
  certificates: maybe(list(certificate)),
  attestation: maybe(attested),
})

/** `device show`: one device with its connections and certificates. */
export const deviceShow: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(context, { method: 'GET', path: devicePath(name), failure: `Device ${name} was not found.` }, detail)
  if (!answer.ok) return answer
  if (isSet(given, '--json')) {
    await context.terminal.printJson(answer.value.raw, 2)
    return done
  }
  const { device: entry, connections, certificates, connected, state, attestation } = answer.value.value
  const { primaryThumbprint, secondaryThumbprint } = entry.authentication
  await printMembers(context.terminal, [
    ['name', styled('bold', entry.id)],
    ['status', statusPiece(entry.status)],
    ...(entry.statusReason === undefined ? [] : [['reason', entry.statusReason] as const]),
    ['connected', connectedPiece(connected ?? entry.connected)],
    ...stateMembers(state),
    ['proves itself by', proofText(entry)],
    ...(primaryThumbprint === undefined ? [] : [['primary thumbprint', primaryThumbprint] as const]),
    ...(secondaryThumbprint === undefined ? [] : [['secondary thumbprint', secondaryThumbprint] as const]),
    ...attestationMembers(attestation),
    ['created', entry.createdAt ?? '-'],
    ['changed', entry.updatedAt ?? '-'],
    ['etag', entry.etag ?? '-'],
  ])
  if (connections !== undefined && connections.length > 0) {
    await context.terminal.print('')
    await printConnections(context, connections)
  }
  if (certificates !== undefined && certificates.length > 0) {
    await context.terminal.print('')
    await printCertificates(context, certificates)
  }
  return done
}

/** What the hub knows of it besides; nothing where an older hub says nothing. */
function stateMembers(state: ReturnType<typeof detail>['state']): readonly (readonly [string, Piece])[] {
  if (state === undefined) return []
  const { connectionStateAt, lastActivityAt, waitingMessages, modules, twin } = state
  return [
    ...(connectionStateAt === undefined ? [] : [['since', connectionStateAt] as const]),
    ...(lastActivityAt === undefined ? [] : [['last heard', lastActivityAt] as const]),
    ...(twin === undefined
      ? []
      : [['twin', `version ${twin.version}, desired ${twin.desiredVersion}, reported ${twin.reportedVersion}`] as const]),
    ['messages waiting', waitingMessages > 0 ? styled('yellow', String(waitingMessages)) : '0'],
    ['modules', String(modules)],
  ]
}

type Connections = readonly ReturnType<typeof connection>[]
type Certificates = readonly ReturnType<typeof certificate>[]

/** Connections as a table. */
export async function printConnections(context: Context, connections: Connections): Promise<void> {
  const rows = connections.map((entry): Row => [
    entry.device,
    entry.clientId,
    entry.transport,
    entry.mqttVersion === 5 ? '5' : '3.1.1',
    entry.address,
    entry.since,
    entry.tls?.version ?? '-',
    String(entry.inMessages ?? 0),
    String(entry.outMessages ?? 0),
  ])
  await printTable(context.terminal, ['DEVICE', 'CLIENT', 'TRANSPORT', 'MQTT', 'ADDRESS', 'SINCE', 'TLS', 'IN', 'OUT'], rows)
}

async function printCertificates(context: Context, certificates: Certificates): Promise<void> {
  const colour = (status: string) => (status === 'valid' ? 'green' : status === 'revoked' ? 'red' : 'yellow')
  const rows = certificates.map((entry): Row => [
    entry.serial,
    styled(colour(entry.status), entry.status),
    entry.notBefore ?? '-',
    entry.notAfter ?? '-',
    entry.fingerprintSha256 ?? '-',
  ])
  await printTable(context.terminal, ['SERIAL', 'STATUS', 'FROM', 'UNTIL', 'FINGERPRINT (SHA-256)'], rows)
}

const certificateList = object({ certificates: list(certificate) })

/** `device certs`: the certificates that were issued to one device. */
export const deviceCertificates: Run = async (context, given) => {
  const name = position(given, 0)
  const answer = await ask(
    context,
    { method: 'GET', path: devicePath(name, '/certificates'), failure: `The certificates of ${name} were not listed.` },
    certificateList,
  )
  if (!answer.ok) return answer
  if (isSet(given, '--json')) await context.terminal.printJson(rawCertificates(answer.value.raw), 2)
  else await printCertificates(context, answer.value.value.certificates)
  return done
}

const rawCertificates = (raw: unknown) => object({ certificates: (value) => value })(raw, 'the answer').certificates

const connectionList = object({ connections: list(connection) })

/** `connections`: who is connected now. */
export const connectionsList: Run = async (context, given) => {
  const answer = await ask(
    context,
    { method: 'GET', path: '/api/v1/connections', failure: 'The connections were not listed.' },
    connectionList,
  )
  if (!answer.ok) return answer
  const wanted = text(given, '--device')
  if (isSet(given, '--json')) {
    const raw = object({ connections: list((value) => value) })(answer.value.raw, 'the answer').connections
    const kept = raw.filter((_, i) => wanted === undefined || answer.value.value.connections[i]?.device === wanted)
    await context.terminal.printJson(kept, 2)
    return done
  }
  const kept = answer.value.value.connections.filter((entry) => wanted === undefined || entry.device === wanted)
  await printConnections(context, kept)
  if (kept.length === 0 && context.terminal.isPerson) context.terminal.say('Nobody is connected.')
  return done
}
