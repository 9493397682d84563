import { readFileSync, statSync } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import {
  type Authentication,
  type AuthenticationPorts,
  type RegisteredDevice,
  type SasPort,
  type ServiceAccounts,
  keySetLimits,
  noResources,
  openAuthentication,
  openHttpsClient,
  readResources,
} from '#access'
import { type Clock, type DeviceId, type Result, ok, refuse } from '#base'
import { type Bus, type CloseReceipt, joinReceipts } from '#bus'
import type { DeviceChange, Hub } from '#hub'
import { type Campaigns, type ForeignLists, type Pki, openForeignTrust } from '#pki'
import type { AuthenticationConfig } from './authentication-config.ts'
import type { ServerConfig } from './config.io.ts'
import { systemDevice } from './system-devices.ts'

// Documents together; revocation lists are the large part.
const maxFileBytes = 4 * 1024 * 1024
const keySetTimeoutMs = 5_000

/**
 * Opens authentication as the settings say. Refuses `server/authentication-unreadable` for a file that is missing, too large, or holds a Secret that
 * others can read, and whatever the documents are refused for: a hub whose policy is half there does not start.
 */
export function openDeviceAuthentication(
  config: AuthenticationConfig,
  registry: AuthenticationPorts,
  clock: Clock,
  lists: Pick<ForeignLists, 'add'>,
): Result<Authentication> {
  const texts: { readonly name: string; readonly text: string; readonly exposed: boolean }[] = []
  for (const path of config.documents) {
    const read = readDocumentFile(path)
    if (!read.ok) return read
    texts.push({ name: path, ...read.value })
  }
  const resources = texts.length === 0 ? ok(noResources) : readResources(texts)
  if (!resources.ok) {
    const { code, message, problems } = resources.error
    return refuse(code, message, problems.map((problem) => `${problem.path}: ${problem.code}`).join(', '))
  }
  const exposed = resources.value.clientKeys.size === 0 ? undefined : texts.find((file) => file.exposed && file.text.includes('Secret'))
  if (exposed !== undefined) return unreadable(exposed.name, 'it holds a Secret and others can read it; run chmod 600 on it')
  const clients = new DisposableStack()
  const serviceAccounts = serviceAccountsOf(config, clients)
  if (!serviceAccounts.ok) return serviceAccounts
  const opened = openAuthentication(
    { resources: resources.value, serviceAccounts: serviceAccounts.value },
    {
      registry,
      clock,
      openHttps: openHttpsClient,
      openTrust(bundle) {
        const trust = openForeignTrust(bundle.certificates, bundle.revocationLists)
        if (!trust.ok) return trust
        lists.add(bundle.revocationLists)
        return ok((presented, now) => {
          const chain = trust.value.verify(presented, now)
          const stands = chain.ok ? registry.judgeProof?.(chain.value.proof) : undefined
          return stands?.ok === false ? stands : chain
        })
      },
    },
  )
  if (!opened.ok) {
    clients.dispose()
    return opened
  }
  clients.use(opened.value)
  return ok({ ...opened.value, [Symbol.dispose]: () => clients.dispose() })
}

/** A file that configures authentication; `exposed` when others can read it. Refuses `server/authentication-unreadable`. */
export function readDocumentFile(path: string): Result<{ readonly text: string; readonly exposed: boolean }> {
  try {
    const { size, mode } = statSync(path)
    if (size > maxFileBytes) return unreadable(path, `it has more than ${maxFileBytes} bytes`)
    return ok({ text: readFileSync(path, 'utf8'), exposed: (mode & 0o077) !== 0 })
  } catch (error) {
    return unreadable(path, error instanceof Error ? error.message : String(error))
  }
}

function unreadable(path: string, why: string): Result<never> {
  return refuse('server/authentication-unreadable', `The file ${path} cannot be used: ${why}.`)
}

function serviceAccountsOf({ serviceAccounts }: AuthenticationConfig, clients: DisposableStack): Result<ServiceAccounts | undefined> {
  if (serviceAccounts === undefined) return ok(undefined)
  const ca = serviceAccounts.caFile === undefined ? ok(undefined) : readDocumentFile(serviceAccounts.caFile)
  if (!ca.ok) return ca
  const caPem = ca.value?.text
  if (serviceAccounts.by === 'review') {
    const { endpoint, tokenFile } = serviceAccounts
    return ok({ by: 'review', endpoint, caPem, bearer: async () => (await readSmall(tokenFile))?.trim() })
  }
  const { issuer, keys } = serviceAccounts
  const readKeys = keySetReader({ keys, caPem }, clients)
  return readKeys.ok ? ok({ by: 'keys', issuer, readKeys: readKeys.value }) : readKeys
}

/** Reads the key set of an issuer as often as it is asked: a file, which must be there now, or an https URL. Undefined where it could not be had. */
export function keySetReader(
  { keys, caPem }: { readonly keys: URL | string; readonly caPem: string | undefined },
  clients: DisposableStack,
): Result<() => Promise<string | undefined>> {
  if (typeof keys === 'string') {
    const first = readDocumentFile(keys)
    return first.ok ? ok(() => readSmall(keys)) : first
  }
  const client = clients.use(
    openHttpsClient({ caPem, client: undefined, timeoutMs: keySetTimeoutMs, answerBytes: keySetLimits.bytes, sockets: 2 }),
  )
  return ok(async () => {
    const answer = await client.ask({ method: 'GET', url: keys, headers: new Map() })
    return answer?.status === 200 ? answer.body.toString('utf8') : undefined
  })
}

/** A small file as it is now; undefined when it cannot be read. */
async function readSmall(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path)
    return size > keySetLimits.bytes ? undefined : await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

/** What authentication asks of the registry and the PKI, for a hub with these names. */
export function registryPorts(
  config: Pick<ServerConfig, 'names' | 'authentication'>,
  pki: Pki,
  hub: Hub,
  campaigns: Pick<Campaigns, 'seen'>,
  policy: SasPort['policy'],
): AuthenticationPorts {
  const { sasUntil } = config.authentication
  return {
    find: (id) => systemDevice(id) ?? hub.devices.find(id) ?? registeredModule(hub, id),
    withThumbprint: (sha256) => [...hub.devices.withThumbprint(sha256), ...hub.modules.withThumbprint(sha256)],
    verifyChain(presented, now) {
      const verified = pki.verifyDeviceChain(presented, now)
      if (verified.ok) campaigns.seen(verified.value)
      return verified
    },
    leafFacts: (leaf) => pki.leafFacts(leaf),
    judgeProof: (proof) => pki.judgeProof(proof),
    isOurHost: hostsOf(config.names.flatMap((name) => [name, `probe.${name}`])),
    sas:
      sasUntil === undefined
        ? undefined
        : { allowedUntil: sasUntil, keysOf: (identity) => hub.devices.sharedKeys(identity) ?? hub.modules.sharedKeys(identity), policy },
  }
}

/** A module as authentication knows it: as enabled as its device. */
function registeredModule(hub: Hub, identity: DeviceId): RegisteredDevice | undefined {
  const module = hub.modules.find(identity)
  const device = module === undefined ? undefined : hub.devices.find(module.device)
  if (module === undefined || device === undefined) return undefined
  return { ...module, id: identity, status: device.status }
}

/** Ends the sessions of a device after a change, and those of identities that live only as long as it may connect (edge.md 1.6, 9). */
export async function closeAllOf(
  device: DeviceId,
  reason: DeviceChange,
  bus: Bus,
  authentication: Pick<Authentication, 'identitiesTiedTo'>,
): Promise<CloseReceipt> {
  const all = [device, ...authentication.identitiesTiedTo(device)]
  return joinReceipts(await Promise.all(all.map((identity) => bus.closeSessions({ device: identity, reason }))))
}

/** Tells the names of this hub from others; port and case do not count. */
export function hostsOf(names: readonly string[]): (host: string) => boolean {
  const ours = new Set(names.map((name) => name.toLowerCase()))
  return (host) => ours.has(hostWithoutPort(host))
}

function hostWithoutPort(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host)
  if (bracketed?.[1] !== undefined) return bracketed[1].toLowerCase()
  return host.replace(/:\d+$/, '').toLowerCase()
}
