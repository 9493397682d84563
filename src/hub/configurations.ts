import { type DeviceId, type Grant, type Instant, type Random, type Result, ok, refuse } from '#base'
import type { JsonFact } from '#journal'
import { parsePart, placed, settingsFor } from './configuration-content.ts'
import { type EvaluationPorts, evaluateKind, groundsOf } from './configuration-evaluation.ts'
import { parseConfiguration } from './configuration-json.ts'
import { checkQueries, countMetrics, testQueries } from './configuration-metrics.ts'
import { difference } from './configuration-plan.ts'
import {
  type StoredConfiguration,
  configurationInsert,
  configurationPurge,
  configurationRemoval,
  configurationUpdate,
  loadConfigurations,
  resultsUpdate,
} from './configuration-rows.ts'
import { EvaluationRunner } from './configuration-runner.ts'
import type {
  Configuration,
  ConfigurationContent,
  ConfigurationPatch,
  ConfigurationResults,
  ConfigurationSpec,
  Configurations,
} from './configuration.ts'
import type { Audited, AuditedCommit } from './ports.ts'

/*
 * Theory of operation.
 * Configurations are few and held in memory; their rows are the truth. An evaluation looks at all of them together, from the beginning, every five minutes and
 * soon after each change; it makes each twin what it should be, so that one that was cut short is made good by the next. What a twin has of a configuration
 * stands in the twin itself. A deleted configuration stays as a row until an evaluation that knew of it has ended: until then its content says what to take back.
 */

/** What automatic device management asks of others. */
export type ConfigurationPorts = EvaluationPorts & {
  readonly random: Random
  readonly commit: AuditedCommit
  readonly tell: (fact: JsonFact) => void
  readonly trouble: (what: string, error: unknown) => void
}

/** Configurations that hold something open: disposing ends the evaluation that is under way. Dispose of them before twins. */
export interface OpenConfigurations extends Configurations, AsyncDisposable {}

const maxConfigurations = 100

/** Opens automatic device management. Its table comes from `hubConfigurationMigrations`. */
export async function openConfigurations(ports: ConfigurationPorts, signal: AbortSignal): Promise<OpenConfigurations> {
  signal.throwIfAborted()
  return new ConfigurationKeeper(ports, await loadConfigurations(ports.store))
}

class ConfigurationKeeper implements OpenConfigurations {
  readonly #ports: ConfigurationPorts
  readonly #live = new Map<string, StoredConfiguration>()
  #gone: readonly StoredConfiguration[]
  #nextNumber: number
  readonly #runner: EvaluationRunner

  constructor(ports: ConfigurationPorts, stored: readonly StoredConfiguration[]) {
    this.#ports = ports
    for (const one of stored) if (one.deletedAt === null) this.#live.set(one.configuration.id, one)
    this.#gone = stored.filter(({ deletedAt }) => deletedAt !== null)
    this.#nextNumber = 1 + stored.reduce((most, { number }) => Math.max(most, number), 0)
    this.#runner = new EvaluationRunner(ports.clock, (signal) => this.#evaluate(signal), ports.trouble)
    if (stored.length > 0) this.#runner.soon()
  }

  list(_grant: Grant<'configuration.read'>): readonly Configuration[] {
    return [...this.#live.values()].map(({ configuration }) => configuration).toSorted(byId)
  }

  find(_grant: Grant<'configuration.read'>, id: string): Result<Configuration> {
    const found = this.#live.get(id)
    return found === undefined ? notFound(id) : ok(found.configuration)
  }

  async create(grant: Grant<'configuration.write'>, given: ConfigurationSpec): Promise<Result<Configuration>> {
    const spec = await this.#checked(given)
    if (!spec.ok) return spec
    const { id } = spec.value
    if (this.#live.has(id)) return exists(id)
    if (this.#live.size >= maxConfigurations)
      return refuse('hub/too-many-configurations', `A hub has at most ${maxConfigurations} configurations.`)
    const now = this.#ports.clock.now()
    const configuration = { ...spec.value, etag: this.#etag(), createdTime: now, lastUpdatedTime: now, results: null }
    const number = this.#nextNumber++
    const outcome = await this.#ports.commit(grant, entry('add', configuration), [configurationInsert(number, configuration)])
    if (!outcome.ok) return exists(id)
    this.#live.set(id, { number, configuration, deletedAt: null })
    this.#changed(grant, 'create', id, now)
    return ok(configuration)
  }

  async update(grant: Grant<'configuration.write'>, id: string, patch: ConfigurationPatch, etag?: string): Promise<Result<Configuration>> {
    const before = this.#live.get(id)
    if (before === undefined) return notFound(id)
    if (isOther(etag, before.configuration.etag)) return etagDiffers(id)
    const spec = await this.#checked({ ...before.configuration, ...given(patch), id })
    if (!spec.ok) return spec
    if (JSON.stringify(spec.value.content) !== JSON.stringify(before.configuration.content))
      return refuse('hub/configuration-immutable', 'The content of a configuration never changes. Make another one.')
    const now = this.#ports.clock.now()
    const configuration = { ...before.configuration, ...spec.value, etag: this.#etag(), lastUpdatedTime: now }
    const change = configurationUpdate(before.number, configuration, before.configuration.etag)
    const outcome = await this.#ports.commit(grant, entry('update', configuration), [change])
    if (!outcome.ok) return this.#live.has(id) ? etagDiffers(id) : notFound(id)
    this.#live.set(id, { number: before.number, configuration, deletedAt: null })
    this.#changed(grant, 'update', id, now)
    return ok(configuration)
  }

  async remove(grant: Grant<'configuration.write'>, id: string, etag?: string): Promise<Result<void>> {
    const before = this.#live.get(id)
    if (before === undefined) return notFound(id)
    const { number, configuration } = before
    if (isOther(etag, configuration.etag)) return etagDiffers(id)
    const now = this.#ports.clock.now()
    const outcome = await this.#ports.commit(grant, entry('delete', configuration), [configurationRemoval(number, configuration.etag, now)])
    if (!outcome.ok) return this.#live.has(id) ? etagDiffers(id) : notFound(id)
    this.#live.delete(id)
    this.#gone = [...this.#gone, { ...before, deletedAt: now }]
    this.#changed(grant, 'delete', id, now)
    return ok(undefined)
  }

  test(_grant: Grant<'configuration.read'>, queries: Parameters<Configurations['test']>[1]): ReturnType<Configurations['test']> {
    return testQueries(this.#ports.queries, queries)
  }

  async applyContent(grant: Grant<'configuration.write'>, device: DeviceId, content: ConfigurationContent): Promise<Result<void>> {
    if ('moduleContent' in content)
      return refuse('hub/configuration-content', 'Content for one device is deviceContent, or modulesContent by module.')
    for (const part of 'deviceContent' in content ? [content.deviceContent] : Object.values(content.modulesContent)) {
      const parsed = parsePart(part)
      if (!parsed.ok) return parsed
    }
    const { twins, clock, commit, tell } = this.#ports
    if ((await twins.get(device)) === undefined) return refuse('hub/device-not-found', `No device ${device} is registered.`)
    const settings = settingsFor(content, device)
    for (const identity of settings.keys())
      if ((await twins.get(identity)) === undefined) return refuse('hub/module-not-found', `No module ${identity} is registered.`)
    await commit(grant, { action: 'configuration.apply', resource: `device:${device}`, detail: { twins: settings.size } }, [])
    for (const [identity, wanted] of settings) {
      const twin = await twins.get(identity)
      if (twin === undefined) return refuse('hub/module-not-found', `No module ${identity} is registered.`)
      const desired = difference(twin.desired.properties, placed(twin.desired.properties, wanted))
      if (Object.keys(desired).length === 0) continue
      const outcome = await twins.configure(identity, { desired, configurations: {} }, 'content')
      if (!outcome.ok) return outcome
    }
    tell({ kind: 'configuration-content-applied', time: clock.now(), device, actor: actorOf(grant), twins: settings.size })
    return ok(undefined)
  }

  registryGrew(): void {
    if (this.#live.size > 0) this.#runner.inAWhile()
  }

  evaluated(): Promise<void> {
    return this.#runner.run()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runner[Symbol.asyncDispose]()
  }

  /** The specification as it would be read back, its queries understood. */
  async #checked(given: ConfigurationSpec): Promise<Result<ConfigurationSpec>> {
    const { metricQueries, ...rest } = given
    const spec = parseConfiguration(JSON.parse(JSON.stringify({ ...rest, metrics: { queries: metricQueries } })))
    if (!spec.ok) return spec
    const queries = await checkQueries(this.#ports.queries, spec.value)
    return queries.ok ? spec : queries
  }

  #changed(grant: Grant, action: 'create' | 'update' | 'delete', id: string, time: Instant): void {
    this.#ports.tell({ kind: 'configuration-changed', time, actor: actorOf(grant), action, id })
    this.#runner.soon()
  }

  #etag(): string {
    return this.#ports.random.bytes(9).toString('base64url')
  }

  async #evaluate(signal: AbortSignal): Promise<void> {
    const { clock, store, queries, tell } = this.#ports
    const live = [...this.#live.values()]
    const gone = this.#gone
    if (live.length === 0 && gone.length === 0) return
    const began = clock.monotonic()
    const counted = { targeted: new Map<string, number>(), applied: new Map<string, number>(), changed: 0 }
    for (const ground of groundsOf(live.map(configurationOf), gone.map(configurationOf)))
      await evaluateKind(this.#ports, ground, counted, signal)
    const found: { readonly number: number; readonly id: string; readonly results: ConfigurationResults }[] = []
    for (const { number, configuration } of live) {
      signal.throwIfAborted()
      const { id } = configuration
      const metrics = await countMetrics(queries, configuration)
      const sums = { targeted: counted.targeted.get(id) ?? 0, applied: counted.applied.get(id) ?? 0 }
      found.push({ number, id, results: { evaluatedTime: clock.now(), ...sums, ...metrics } })
    }
    const purged = new Set(gone.map(({ number }) => number))
    await store.commit([...found.map(({ number, results }) => resultsUpdate(number, results)), ...[...purged].map(configurationPurge)])
    this.#gone = this.#gone.filter(({ number }) => !purged.has(number))
    for (const { number, id, results } of found) {
      const now = this.#live.get(id)
      if (now?.number === number) this.#live.set(id, { ...now, configuration: { ...now.configuration, results } })
    }
    const durationMs = clock.monotonic() - began
    if (counted.changed > 0)
      tell({ kind: 'configurations-evaluated', time: clock.now(), configurations: live.length, changed: counted.changed, durationMs })
  }
}

function configurationOf({ configuration }: StoredConfiguration): Configuration {
  return configuration
}

function given(patch: ConfigurationPatch): ConfigurationPatch {
  return Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined))
}

function byId(left: Configuration, right: Configuration): number {
  return left.id < right.id ? -1 : 1
}

function entry(action: 'add' | 'update' | 'delete', { id, targetCondition, priority }: Configuration): Audited {
  return {
    action: `configuration.${action}`,
    resource: `configuration:${id}`,
    detail: { targetCondition: targetCondition.slice(0, 200), priority },
  }
}

function actorOf({ actor }: Grant): string {
  return `${actor.kind}:${actor.id}`
}

function isOther(etag: string | undefined, now: string): boolean {
  return etag !== undefined && etag !== '*' && etag !== now
}

function exists(id: string): Result<never> {
  return refuse('hub/configuration-exists', `Configuration ${id} exists already.`)
}

function notFound(id: string): Result<never> {
  return refuse('hub/configuration-not-found', `There is no configuration ${id}.`)
}

function etagDiffers(id: string): Result<never> {
  return refuse('hub/etag-differs', `Configuration ${id} was changed by somebody else meanwhile. Read it again.`)
}
