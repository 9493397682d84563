import { ok, refuse } from '#base'
import { type BulkProblem, bulkFromAzureJson } from '#hub'
import { azureError } from '#wire/azure'
import { malformed } from './read.ts'
import { json } from './reply.ts'
import { azureRoute, bulkBodyBytes } from './route.ts'

/** Items of one request (azure-wire 5.1, 10). */
const mostItems = 100

/** From this version of the interface on an item's error is a number, before it a name [R]. */
const numbersSince = '2018'

function errorJson({ device, module, code, message }: BulkProblem, apiVersion: string) {
  const error = azureError({ code })
  const errorCode = apiVersion < numbersSince ? error.name : error.code
  return { deviceId: device, moduleId: module ?? null, errorCode, errorStatus: message, operation: null }
}

/** Many devices and modules at once, each with its own outcome (azure-wire 5.3). */
export const bulkRoutes = [
  azureRoute({
    method: 'POST',
    path: '/devices',
    needs: ['device.write', 'device.delete'],
    sometimes: ['twin.write'],
    throttle: 'registry',
    bodyBytes: bulkBodyBytes,
    cost: (body) => (Array.isArray(body) ? Math.min(body.length, mostItems) : 1),
    async run(call) {
      const list = call.body
      if (!Array.isArray(list)) return malformed('The body must be a list.')
      if (list.length > mostItems) return refuse('control/azure-too-many-items', `At most ${mostItems} items stand in one request.`)
      const twins = call.ask('twin.write')
      const grants = { write: call.grant('device.write'), erase: call.grant('device.delete'), ...(twins.ok ? { twins: twins.value } : {}) }
      const done = await call.ports.hub.bulk(grants, bulkFromAzureJson(list, 'create'))
      if (!done.ok) return done
      const { problems, withoutTwin } = done.value
      const errors = problems.map((problem) => errorJson(problem, call.query('api-version') ?? ''))
      const warnings = withoutTwin.map(({ device, message }) => {
        return { deviceId: device, warningCode: 'DeviceRegisteredWithoutTwin', warningStatus: message }
      })
      // Some failed, some did not: that is an answer, and the client looks at each.
      return ok(json({ isSuccessful: errors.length === 0, errors, warnings }))
    },
  }),
]
