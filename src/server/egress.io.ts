import { constants, closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import type { Audit } from '#audit'
import { type Clock, type Random, Secret, ok } from '#base'
import { type Egress, type TwinView, endpointKinds, openEgress } from '#egress'
import { type Hub, sectionJson, telemetryForm, twinEventBody } from '#hub'
import type { Journal } from '#journal'
import type { Store } from '#store'
import type { Secrets } from '#vault'
import type { ServerConfig } from './config.io.ts'
import type { Log } from './log.io.ts'
import { isOwnFact } from './system-devices.ts'

type RoutingRooms = {
  readonly store: Store
  readonly journal: Journal
  readonly audit: Audit
  readonly hub: Hub
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly secrets: Pick<Secrets, 'readForEndpoint' | 'onChanged'>
}

const maxSecretBytes = 64 * 1024
const secretName = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/

/** Opens routes and endpoints, and begins to deliver. */
export async function openRouting(
  config: Pick<ServerConfig, 'dataDirectory' | 'names' | 'routeHosts'>,
  { store, journal, audit, hub, clock, random, log, secrets }: RoutingRooms,
  signal: AbortSignal,
): Promise<Egress> {
  const trouble = (what: string, error: unknown) => log.error(what, { error })
  const egress = await openEgress(
    {
      store,
      journal,
      clock,
      random,
      commit: (grant, what, statements) => audit.commit(grant, what, statements),
      hubName: config.names[0] ?? 'localhost',
      telemetryForm,
      twinEvent: twinEventBody,
      twin: (identity) => twinOf(hub, identity),
      secret: (endpoint, name) => readSecret(config.dataDirectory, endpoint, name, trouble),
      vaultSecret: async (endpoint, name, version) => {
        const read = await secrets.readForEndpoint(endpoint, name, version)
        return read.ok ? ok(read.value.value) : read
      },
      mayReach: (host) => config.routeHosts.has(host.toLowerCase()),
      directory: join(config.dataDirectory, 'routes'),
      trouble,
      isOwn: isOwnFact,
    },
    endpointKinds,
    signal,
  )
  // For the life of the process, as both are.
  secrets.onChanged((name) => egress.secretChanged(name))
  return egress
}

async function twinOf(hub: Hub, identity: string): Promise<TwinView | undefined> {
  const registered = hub.devices.find(identity)?.id ?? hub.modules.find(identity)?.identity
  const twin = registered === undefined ? undefined : await hub.twins.get(registered)
  return twin && { tags: twin.tags, properties: { desired: sectionJson(twin.desired), reported: sectionJson(twin.reported) } }
}

/**
 * A secret of one endpoint: the file `secrets/{endpoint}/{name}` of the data directory, which only its owner may read. A path cannot be named, so
 * whoever may make endpoints can have no other file of this machine sent away.
 */
export function readSecret(
  dataDirectory: string,
  endpoint: string,
  name: string,
  trouble: (what: string, error: unknown) => void,
): Secret | undefined {
  if (!secretName.test(endpoint) || !secretName.test(name)) return undefined
  const what = `the secret ${name} of the endpoint ${endpoint}`
  let file: number | undefined
  try {
    file = openSync(join(dataDirectory, 'secrets', endpoint, name), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))
    const { mode, size } = fstatSync(file)
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      trouble(`${what} can be read by others, and is not used: chmod 600`, undefined)
      return undefined
    }
    if (size === 0 || size > maxSecretBytes) return undefined
    const bytes = Buffer.alloc(size)
    const read = readSync(file, bytes, 0, size, 0)
    // An editor ends a file with a line feed; no secret of ours does.
    const end = bytes[read - 1] === 0x0a ? read - (bytes[read - 2] === 0x0d ? 2 : 1) : read
    return new Secret(bytes.subarray(0, end))
  } catch {
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}
