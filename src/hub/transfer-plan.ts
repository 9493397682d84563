import { type Clock, type DeviceId, type Result, ok, parseDeviceId, refuse } from '#base'
import type { Json } from '#wire/json'
import type { BulkItem, BulkTwin } from './bulk-item.ts'
import { contentJson } from './configuration-json.ts'
import type { Configuration, ConfigurationSpec, Configurations } from './configuration.ts'
import { deviceSpecOf } from './device-json.ts'
import { readScopes, reasonTooLong } from './device-rules.ts'
import type { ModuleRegistry } from './module-registry.ts'
import { reservedPrefixes } from './registry-add.ts'
import type { Registry } from './registry.ts'
import { type GivenKeys, type SharedKeyPorts, mayShareKeys } from './shared-keys.ts'
import { Differences, canonical, compareDevice, compareModule } from './transfer-compare.ts'
import type { Enrollment } from './transfer-enrollment.ts'
import { type ImportItem, keyOf, nameOf } from './transfer-line.ts'
import type { ImportAction, ImportEntry, ImportReadGrants } from './transfer.ts'
import { mergePatch } from './twin-merge.ts'
import type { TwinObject, Twins } from './twin.ts'

/** What a plan looks at. */
export type PlanPorts = {
  readonly clock: Pick<Clock, 'now'>
  readonly devices: Registry
  readonly modules: ModuleRegistry
  readonly twins: Twins
  readonly configurations: Configurations
  readonly sharedKeys: SharedKeyPorts
  /** An enrollment that was imported before. */
  enrollment(kind: Enrollment['kind'], id: string): Promise<Json | undefined>
}

/** What has been planned so far: names that were seen, and devices that will be there by then, shut or not. */
export type PlanSoFar = { readonly seen: Set<string>; readonly coming: Map<DeviceId, 'open' | 'shut'> }

/** What is to be done with an item, and the item as it is to be done: with what cannot be here as it was there made fit. */
export type Planned = Pick<ImportEntry, 'id' | 'action' | 'differences' | 'notices' | 'problem'> & { readonly item: ImportItem | undefined }

/** Plans one item. Reads only. */
export async function planItem(ports: PlanPorts, grants: ImportReadGrants, sofar: PlanSoFar, item: ImportItem): Promise<Planned> {
  const key = keyOf(item)
  if (sofar.seen.has(key)) return refused(nameOf(item), refuse('hub/device-twice', `${nameOf(item)} stands in this import twice.`))
  sofar.seen.add(key)
  if (item.kind === 'configuration') return planConfiguration(ports, grants, item)
  if (item.kind === 'enrollment') return planEnrollment(ports, item)
  const notices: string[] = []
  const bulk = fit(ports, sofar, item.bulk, notices)
  const planned = await planIdentity(ports, sofar, { ...item, bulk })
  if (!planned.ok) return refused(item.identity, planned)
  const { action, differences } = planned.value
  if (bulk.target.kind === 'device' && action === 'create')
    sofar.coming.set(item.identity, bulk.target.said.status === 'disabled' ? 'shut' : 'open')
  return {
    id: item.identity,
    action,
    differences: action === 'update' ? differences.found : [],
    notices,
    problem: null,
    item: { ...item, bulk },
  }
}

/** A line that is refused. */
export function refused(
  id: string,
  { error: { code, message } }: { readonly error: { readonly code: string; readonly message: string } },
): Planned {
  return { id, action: 'refused', differences: [], notices: [], problem: { code, message }, item: undefined }
}

const noKeys: GivenKeys = { primary: undefined, secondary: undefined }

/** Makes an item fit this hub, and says so. */
function fit(ports: PlanPorts, { coming }: PlanSoFar, bulk: BulkItem, notices: string[]): BulkItem {
  const { target, mode } = bulk
  if (mode.startsWith('delete') || mode.startsWith('updateTwin')) return bulk
  const mayShare = mayShareKeys(ports.sharedKeys, ports.clock).ok
  if (target.kind === 'module') {
    const { said } = target
    const keys = kept(said.keys, ports.modules.find(`${said.device}/${said.id}`) !== undefined)
    const twin = withoutNothing(bulk.twin, ports.modules.find(`${said.device}/${said.id}`) === undefined)
    const isSystem = said.id.startsWith('$')
    if (!isSystem || mayShare || said.authentication?.type !== 'sas')
      return { ...bulk, twin, target: { kind: 'module', said: { ...said, keys } } }
    notices.push('The keys of this module are not taken over while shared keys are off; it has new ones.')
    return { ...bulk, twin, target: { kind: 'module', said: { ...said, authentication: undefined, keys: undefined } } }
  }
  const { said } = target
  const before = ports.devices.find(said.id)
  const authentication = said.authentication ?? (before === undefined ? deviceSpecOf(said).authentication : undefined)
  const isShut = !mayShare && authentication?.type === 'sas'
  if (isShut && said.status !== 'disabled')
    notices.push(
      'Has shared keys, which are off here: it is disabled until authentication.sas.allowedUntil allows them and somebody enables it.',
    )
  const rescope = (scope: string) => scopeHere(ports.devices, coming, scope, notices)
  return {
    ...bulk,
    twin: withoutNothing(bulk.twin, before === undefined),
    target: {
      kind: 'device',
      said: {
        ...said,
        keys: kept(said.keys, before !== undefined),
        ...(isShut ? { status: 'disabled', statusReason: said.statusReason ?? 'Came with shared keys, which are off here.' } : {}),
        deviceScope:
          typeof said.deviceScope === 'string' && said.capabilities?.iotEdge !== true ? rescope(said.deviceScope) : said.deviceScope,
        parentScopes: said.parentScopes?.filter((one) => one !== '').map(rescope),
      },
    },
  }
}

/** A new twin is empty already. */
function withoutNothing(twin: BulkTwin | undefined, isNew: boolean): BulkTwin | undefined {
  if (twin === undefined || !isNew) return twin
  const some = (part: TwinObject | undefined) => (part === undefined || Object.keys(part).length === 0 ? undefined : part)
  const rest = { ...twin, tags: some(twin.tags), desired: some(twin.desired), reported: some(twin.reported) }
  return rest.tags === undefined && rest.desired === undefined && rest.reported === undefined ? undefined : rest
}

/** An import that shows no keys leaves those that are there. */
function kept(keys: GivenKeys | undefined, isThere: boolean): GivenKeys | undefined {
  if (keys === undefined || !isThere) return keys
  const keep = (key: GivenKeys['primary']) => (key === 'generate' ? undefined : key)
  const after = { primary: keep(keys.primary), secondary: keep(keys.secondary) }
  return after.primary === undefined && after.secondary === undefined ? noKeys : after
}

/** Scopes name the generation of a parent, which is another one here. */
function scopeHere(devices: Registry, coming: PlanSoFar['coming'], scope: string, notices: string[]): string {
  const parent = parseDeviceId(/^ms-azure-iot-edge:\/\/(.+)-\d+$/.exec(scope)?.[1] ?? '')
  if (!parent.ok) return scope
  const here = devices.find(parent.value)
  if (here === undefined ? coming.has(parent.value) : here.deviceScope !== scope)
    notices.push(`Its scope will be the one that ${parent.value} has here.`)
  return here?.capabilities.iotEdge === true && here.deviceScope !== null ? here.deviceScope : scope
}

type Verdict = { readonly action: ImportAction; readonly differences: Differences }
type IdentityItem = Extract<ImportItem, { readonly kind: 'identity' }>

async function planIdentity(ports: PlanPorts, sofar: PlanSoFar, { identity, bulk }: IdentityItem): Promise<Result<Verdict>> {
  const { target, mode, twin } = bulk
  const before = target.kind === 'device' ? ports.devices.find(identity) : ports.modules.find(identity)
  const differences = new Differences()
  if (mode.startsWith('delete'))
    return before === undefined ? notFound(target.kind, identity) : etagged(bulk, before.etag, { action: 'delete', differences })
  if (before === undefined) {
    if (!mode.startsWith('create')) return notFound(target.kind, identity)
    const can = target.kind === 'device' ? mayAddDevice(target.said) : mayAddModule(ports, sofar, target.said)
    return can.ok ? ok({ action: 'create', differences }) : can
  }
  const isTwinOnly = mode.startsWith('updateTwin')
  if (!isTwinOnly) {
    const proof = mayProve(ports, before.authentication.type, target.said)
    if (!proof.ok) return proof
  }
  if (target.kind === 'device' && !isTwinOnly) {
    const fits = mayAddDevice(target.said)
    if (!fits.ok) return fits
    const device = ports.devices.find(identity)
    if (device !== undefined) compareDevice(differences, device, target.said, ports.devices.sharedKeys(identity))
  }
  if (target.kind === 'module' && !isTwinOnly) {
    const module = ports.modules.find(identity)
    if (module !== undefined) compareModule(differences, module, target.said, ports.modules.sharedKeys(identity))
  }
  if (differences.found.some(({ field }) => field.startsWith('authentication.symmetricKey'))) {
    const allowed = mayShareKeys(ports.sharedKeys, ports.clock)
    if (!allowed.ok) return allowed
  }
  if (twin !== undefined) await compareTwin(ports, identity, bulk, differences)
  if (differences.found.length === 0) return ok({ action: 'same', differences })
  if (mode === 'create')
    return target.kind === 'device'
      ? refuse('hub/device-exists', `Device ${identity} exists already, and is not what the import says.`)
      : refuse('hub/module-exists', `Module ${identity} exists already, and is not what the import says.`)
  return isTwinOnly ? ok({ action: 'update', differences }) : etagged(bulk, before.etag, { action: 'update', differences })
}

async function compareTwin(ports: PlanPorts, identity: DeviceId, { twin, mode }: BulkItem, differences: Differences): Promise<void> {
  const now = await ports.twins.get(identity)
  if (now === undefined || twin === undefined) return
  const { tags, desired, reported } = twin
  const isPatch = mode.startsWith('updateTwin')
  if (tags !== undefined) differences.compare('tags', now.tags, isPatch ? mergePatch(now.tags, tags) : tags)
  const { properties } = now.desired
  if (desired !== undefined) differences.compare('properties.desired', properties, isPatch ? mergePatch(properties, desired) : desired)
  const said = now.reported.properties
  if (reported !== undefined) differences.compare('properties.reported', said, mergePatch(said, reported))
}

function etagged({ mode, etag }: BulkItem, now: string, verdict: Verdict): Result<Verdict> {
  if (!mode.endsWith('IfMatchETag') || etag === now) return ok(verdict)
  if (etag === undefined) return refuse('hub/etag-missing', 'This asks for the etag, and names none.')
  return refuse('hub/etag-differs', 'It was changed by somebody else, or the etag is of another hub.')
}

type DeviceSaid = Extract<BulkItem['target'], { readonly kind: 'device' }>['said']
type ModuleSaid = Extract<BulkItem['target'], { readonly kind: 'module' }>['said']

function mayAddDevice(said: DeviceSaid): Result<void> {
  const reserved = reservedPrefixes.find((prefix) => said.id.startsWith(prefix))
  if (reserved !== undefined) return refuse('hub/reserved-id', `Device ids that begin with ${reserved} are not for devices.`)
  const tooLong = reasonTooLong(said.statusReason)
  if (tooLong !== undefined) return tooLong
  const scopes = readScopes(said)
  return scopes.ok ? ok(undefined) : scopes
}

function mayAddModule(ports: PlanPorts, { coming }: PlanSoFar, said: ModuleSaid): Result<void> {
  const device = ports.devices.find(said.device)
  const state = device === undefined ? coming.get(said.device) : device.status === 'disabled' ? 'shut' : 'open'
  if (state === undefined) return notFound('device', said.device)
  const isKeyed = (said.authentication?.type ?? 'sas') === 'sas' && !said.id.startsWith('$')
  if (!isKeyed || state === 'shut') return ok(undefined)
  const allowed = mayShareKeys(ports.sharedKeys, ports.clock)
  return allowed.ok ? ok(undefined) : allowed
}

/** Who has a certificate here is not given keys while those are off, nor keys that nobody names. */
function mayProve(ports: PlanPorts, before: string, { authentication, keys }: DeviceSaid | ModuleSaid): Result<void> {
  if (authentication?.type !== 'sas') return ok(undefined)
  const allowed = mayShareKeys(ports.sharedKeys, ports.clock)
  if (before === 'sas' || allowed.ok)
    return before !== 'sas' && keys === undefined
      ? refuse('hub/sas-at-creation', 'Only a new device can be given shared keys.')
      : ok(undefined)
  return allowed
}

function notFound(kind: 'device' | 'module', identity: DeviceId): Result<never> {
  return kind === 'device'
    ? refuse('hub/device-not-found', `No device ${identity} is registered.`)
    : refuse('hub/module-not-found', `No module ${identity} is registered.`)
}

async function planConfiguration(
  ports: PlanPorts,
  grants: ImportReadGrants,
  item: Extract<ImportItem, { readonly kind: 'configuration' }>,
): Promise<Planned> {
  const { spec } = item
  const { id, targetCondition, metricQueries } = spec
  const before = ports.configurations.find(grants.configurations, id)
  const planned = { id, notices: [], problem: null, item, differences: [] }
  if (!before.ok) {
    const wrong = await ports.configurations.test(grants.configurations, { targetCondition, metricQueries })
    if (wrong.targetConditionError !== '') return refused(id, refuse('hub/configuration-condition', wrong.targetConditionError))
    const [metric] = Object.values(wrong.customMetricQueryErrors)
    return metric === undefined ? { ...planned, action: 'create' } : refused(id, refuse('hub/configuration-metrics', metric))
  }
  if (canonical(contentJson(before.value.content)) !== canonical(contentJson(spec.content)))
    return refused(
      id,
      refuse('hub/configuration-immutable', `Configuration ${id} is here with other content, which does not change while it lives.`),
    )
  const differences = new Differences()
  differences.compare('configuration', comparable(before.value), comparable(spec))
  return { ...planned, action: differences.found.length === 0 ? 'same' : 'update', differences: differences.found }
}

function comparable({ labels, targetCondition, priority, metricQueries }: ConfigurationSpec | Configuration): Json {
  return { labels, targetCondition, priority, metricQueries }
}

async function planEnrollment(ports: PlanPorts, item: Extract<ImportItem, { readonly kind: 'enrollment' }>): Promise<Planned> {
  const { kind, id, body } = item.enrollment
  const before = await ports.enrollment(kind, id)
  const notices = ['Kept for provisioning, not active: this hub does not provision devices yet.']
  const differences = new Differences()
  // Members only by name: keys stand in them.
  if (before !== undefined && canonical(before) !== canonical(body)) differences.add('enrollment', 'what was imported before', 'another')
  const action = before === undefined ? 'create' : differences.found.length === 0 ? 'same' : 'update'
  return { id, action, differences: differences.found, notices, problem: null, item }
}
