import { type Static, Type } from 'typebox'
import { type Grant, type Result, ok, refuse } from '#base'
import { type Configuration, parseConfiguration } from '#hub'
import {
  configuration,
  configurationInput,
  configurationPatch,
  configurationTarget,
  configurationTest,
  configurationTested,
  configurationView,
} from '../configuration-schema.ts'
import { closed, orNull, pageLimit, text } from '../hub-schema.ts'
import { etagOf, showEtag } from '../identities.ts'
import type { ControlPorts } from '../ports.ts'
import { type Route, bare, route } from '../route.ts'
import type { Parts } from './parts.ts'

const path = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128 }) }, closed)
const named = ({ id }: { readonly id: string }) => `configuration:${id}`
const all = () => 'configurations'
const status = Type.Enum(['Targeted', 'Applied'])

/** Longest name of an identity: a device, a slash and a module. */
const maxIdentityLength = 257

const list = Type.Object({ configurations: Type.Array(configuration) }, { ...closed, title: 'Configurations' })
const targetPage = Type.Object(
  { targets: Type.Array(configurationTarget), next: orNull(text) },
  { ...closed, title: 'ConfigurationTargetPage' },
)

/** Automatic device management. */
export function configurationRoutes(parts: Parts): readonly Route[] {
  return [...reading(parts), ...writing(parts)]
}

function reading({ ports }: Parts): readonly Route[] {
  const { configurations } = ports.hub
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/configurations',
      summary: 'Every configuration: there are at most 100.',
      access: { grants: ['configuration.read'] },
      resource: all,
      answer: { status: 200, is: list, description: 'The configurations, by id.' },
      handle: (call) => ok({ configurations: configurations.list(call.grant('configuration.read')).map(configurationView) }),
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/configurations/{id}',
      summary: 'One configuration with what its last evaluation has counted.',
      access: { grants: ['configuration.read'] },
      resource: named,
      params: path,
      answer: { status: 200, is: configuration, description: 'The configuration.' },
      handle(call) {
        const found = configurations.find(call.grant('configuration.read'), call.params.id)
        if (!found.ok) return found
        showEtag(call, found.value.etag)
        return ok(configurationView(found.value))
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/configurations/{id}/targets',
      summary: 'Devices or modules that a configuration is for, in the order of their names.',
      access: { grants: ['configuration.read', 'twin.read'] },
      resource: named,
      params: path,
      query: Type.Object(
        { after: Type.Optional(Type.String({ maxLength: maxIdentityLength })), limit: pageLimit, status: Type.Optional(status) },
        closed,
      ),
      answer: { status: 200, is: targetPage, description: 'A page. `next` is the `after` of the page that follows.' },
      async handle(call) {
        const found = configurations.find(call.grant('configuration.read'), call.params.id)
        return found.ok ? targetsOf(ports, found.value, call.query) : found
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/configurations/test',
      summary: 'Tries a target condition and metrics, and counts whom the condition is true of. Changes nothing.',
      access: { grants: ['configuration.read', 'twin.read'] },
      resource: all,
      body: configurationTest,
      answer: { status: 200, is: configurationTested, description: 'What is wrong; empty where nothing is.' },
      async handle(call) {
        const { targetCondition, metrics = {} } = call.body
        const said = await configurations.test(call.grant('configuration.read'), { targetCondition, metricQueries: metrics })
        const targets = said.targetConditionError === '' ? await countOf(ports, call.grant('twin.read'), targetCondition) : null
        return ok({ targetConditionError: said.targetConditionError, metricErrors: { ...said.customMetricQueryErrors }, targets })
      },
    }),
  ]
}

function writing({ ports }: Parts): readonly Route[] {
  const { configurations } = ports.hub
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/configurations',
      summary: 'Makes a configuration, and begins to apply it.',
      access: { grants: ['configuration.write'] },
      resource: all,
      body: configurationInput,
      answer: { status: 201, is: configuration, description: 'Made.' },
      async handle(call) {
        const { metrics = {}, ...rest } = call.body
        const spec = parseConfiguration({ ...rest, metrics: { queries: metrics } })
        if (!spec.ok) return spec
        const made = await configurations.create(call.grant('configuration.write'), spec.value)
        if (!made.ok) return made
        showEtag(call, made.value.etag)
        return ok(configurationView(made.value))
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/configurations/{id}',
      summary:
        'Changes labels, condition, priority or metrics; what it sets never changes. With If-Match only if it is the one that was read.',
      access: { grants: ['configuration.write'] },
      resource: named,
      params: path,
      body: configurationPatch,
      answer: { status: 200, is: configuration, description: 'Changed.' },
      async handle(call) {
        const patch = patchOf(call.params.id, call.body)
        if (!patch.ok) return patch
        const etag = etagOf(call.header('if-match'))
        const changed = await configurations.update(call.grant('configuration.write'), call.params.id, patch.value, etag)
        if (!changed.ok) return changed
        showEtag(call, changed.value.etag)
        return ok(configurationView(changed.value))
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/configurations/{id}',
      summary: 'Deletes a configuration, and begins to take back what it set.',
      access: { grants: ['configuration.write'] },
      resource: named,
      params: path,
      answer: { status: 204, is: Type.Null(), description: 'Deleted.' },
      async handle(call) {
        const etag = etagOf(call.header('if-match'))
        const removed = await configurations.remove(call.grant('configuration.write'), call.params.id, etag)
        return removed.ok ? ok(null) : removed
      },
    }),
  ]
}

/** Reads a patch by the same rules as a whole one, and takes what was said of it. */
function patchOf(id: string, { metrics, ...said }: Static<typeof configurationPatch>) {
  const whole = parseConfiguration({ id, ...said, metrics: { queries: metrics ?? {} } })
  if (!whole.ok) return whole
  const { labels, targetCondition, priority, metricQueries } = whole.value
  if (metrics === undefined && Object.keys(said).length === 0) return refuse('control/malformed', 'Nothing to change was given.')
  return ok({
    ...(said.labels === undefined ? {} : { labels }),
    ...(said.targetCondition === undefined ? {} : { targetCondition }),
    ...(said.priority === undefined ? {} : { priority }),
    ...(metrics === undefined ? {} : { metricQueries }),
  })
}

type TargetQuery = { readonly after?: string; readonly limit?: number; readonly status?: 'Targeted' | 'Applied' }

async function targetsOf(
  { hub }: Pick<ControlPorts, 'hub'>,
  { id, content }: Configuration,
  { after, limit = 100, status: wanted }: TargetQuery,
): Promise<Result<Static<typeof targetPage>>> {
  // An id has none of the characters that would end the brackets.
  const is = (one: string) => `configurations.[[${id}]].status = '${one}'`
  const condition = wanted === undefined ? `${is('Targeted')} OR ${is('Applied')}` : is(wanted)
  const page = await hub.queries.matching('deviceContent' in content ? 'devices' : 'modules', condition, limit, after)
  if (!page.ok) return page
  const targets: Static<typeof configurationTarget>[] = []
  for (const name of page.value.identities) {
    const identity = hub.devices.find(name)?.id ?? hub.modules.find(name)?.identity
    const twin = identity === undefined ? undefined : await hub.twins.get(identity)
    const now = twin?.configurations[id]
    if (now !== undefined) targets.push({ device: name, status: now.status })
  }
  return ok({ targets, next: page.value.next ?? null })
}

/** How many a condition is true of; null: it cannot be asked. A condition may be all of a query but its beginning. */
async function countOf({ hub }: Pick<ControlPorts, 'hub'>, grant: Grant<'twin.read'>, condition: string): Promise<number | null> {
  const said = condition.trim()
  if (said === '') return 0
  const from = /^from\s/i.test(said) ? said : said === '*' ? 'FROM devices' : `FROM devices WHERE ${said}`
  const page = await hub.queries.run(grant, { text: `SELECT COUNT() AS total ${from}` })
  const first = page.ok ? page.value.items[0] : undefined
  if (!page.ok) return null
  const [total] = typeof first === 'object' && first !== null ? Object.values(first) : []
  return typeof total === 'number' ? total : 0
}
