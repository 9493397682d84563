import { type Result, ok } from '#base'
import { type ConfigurationPatch, type ConfigurationSpec, configurationJson, parseConfiguration, parseContent } from '#hub'
import { deviceOfPath } from './identity.ts'
import { etagOf, parseIfMatch } from './if-match.ts'
import { type JsonObject, field, isObject, malformed, numberOf, objectBody, optionalObject, optionalText } from './read.ts'
import { type Reply, json, noContent } from './reply.ts'
import { type AzureCall, azureRoute, bodyBytes } from './route.ts'

/** Configurations in one answer when nobody says how many: all that a hub can have. IoT Hub may stop at 20 [R]. */
const usuallyListed = 100

type Writing = AzureCall<'configuration.write', never>

/** Without If-Match a configuration is made, with one it is changed (azure-wire 5.5). */
async function put(call: Writing): Promise<Result<Reply>> {
  const match = parseIfMatch(call.header('if-match'))
  if (!match.ok) return match
  const body = objectBody(call.body)
  if (!body.ok) return body
  const id = call.id('id')
  const named = optionalText(body.value, 'id')
  if (!named.ok) return named
  if (named.value !== undefined && named.value !== id) return malformed('id is not the id of the path.')
  const read = parseConfiguration({ ...body.value, id })
  if (!read.ok) return read
  const { configurations } = call.ports.hub
  const grant = call.grant('configuration.write')
  const made =
    match.value.kind === 'none'
      ? await configurations.create(grant, read.value)
      : await configurations.update(grant, id, patchOf(read.value, body.value), etagOf(match.value))
  return made.ok ? ok(json(configurationJson(made.value), made.value.etag)) : made
}

/** What of a configuration the body said; the rest stays as it is. */
function patchOf({ labels, content, targetCondition, priority, metricQueries }: ConfigurationSpec, body: JsonObject): ConfigurationPatch {
  const said = (name: string) => field(body, name) !== undefined
  return {
    ...(said('labels') ? { labels } : {}),
    ...(said('content') ? { content } : {}),
    ...(said('targetCondition') ? { targetCondition } : {}),
    ...(said('priority') ? { priority } : {}),
    ...(said('metrics') ? { metricQueries } : {}),
  }
}

async function test(call: AzureCall<'configuration.read', never>): Promise<Result<Reply>> {
  const body = objectBody(call.body)
  if (!body.ok) return body
  const targetCondition = optionalText(body.value, 'targetCondition')
  if (!targetCondition.ok) return targetCondition
  const queries = optionalObject(body.value, 'customMetricQueries')
  if (!queries.ok) return queries
  const texts = Object.entries(queries.value ?? {}).flatMap(([name, query]) => (typeof query === 'string' ? [[name, query] as const] : []))
  if (texts.length < Object.keys(queries.value ?? {}).length) return malformed('customMetricQueries must be texts.')
  const metricQueries = Object.fromEntries(texts)
  const grant = call.grant('configuration.read')
  return ok(json(await call.ports.hub.configurations.test(grant, { targetCondition: targetCondition.value ?? '', metricQueries })))
}

/** Automatic device management (azure-wire 5.5). */
export const configurationRoutes = [
  azureRoute({
    method: 'POST',
    path: '/configurations/testQueries',
    needs: ['configuration.read'],
    throttle: 'configurations',
    bodyBytes,
    run: test,
  }),
  azureRoute({
    method: 'GET',
    path: '/configurations',
    needs: ['configuration.read'],
    throttle: 'configurations',
    async run(call) {
      const top = numberOf(call.query('top'), 'top')
      if (!top.ok) return top
      const all = call.ports.hub.configurations.list(call.grant('configuration.read'))
      return ok(json(all.slice(0, Math.max(1, top.value ?? usuallyListed)).map(configurationJson)))
    },
  }),
  azureRoute({
    method: 'GET',
    path: '/configurations/{id}',
    needs: ['configuration.read'],
    throttle: 'configurations',
    async run(call) {
      const found = call.ports.hub.configurations.find(call.grant('configuration.read'), call.id('id'))
      return found.ok ? ok(json(configurationJson(found.value), found.value.etag)) : found
    },
  }),
  azureRoute({
    method: 'PUT',
    path: '/configurations/{id}',
    needs: ['configuration.write'],
    throttle: 'configurations',
    bodyBytes,
    run: put,
  }),
  azureRoute({
    method: 'DELETE',
    path: '/configurations/{id}',
    needs: ['configuration.write'],
    throttle: 'configurations',
    async run(call) {
      const match = parseIfMatch(call.header('if-match'))
      if (!match.ok) return match
      const { configurations } = call.ports.hub
      const removed = await configurations.remove(call.grant('configuration.write'), call.id('id'), etagOf(match.value))
      return removed.ok ? ok(noContent) : removed
    },
  }),
  azureRoute({
    method: 'POST',
    path: '/devices/{id}/applyConfigurationContent',
    needs: ['configuration.write'],
    throttle: 'configurations',
    bodyBytes,
    async run(call) {
      const target = deviceOfPath(call)
      if (!target.ok) return target
      if (!isObject(call.body)) return malformed('The body must be a JSON object.')
      const content = parseContent(call.body)
      if (!content.ok) return content
      const { configurations } = call.ports.hub
      const applied = await configurations.applyContent(call.grant('configuration.write'), target.value.device, content.value)
      return applied.ok ? ok(noContent) : applied
    },
  }),
]
