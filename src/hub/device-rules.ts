import { type Result, ok, refuse } from '#base'
import { type Capabilities, isScope, maxParentScopes, maxStatusReasonLength } from './device.ts'

/** The refusal `hub/reason-too-long`, when the reason for a status is. */
export function reasonTooLong(reason: string | null | undefined): ReturnType<typeof refuse> | undefined {
  return (reason?.length ?? 0) > maxStatusReasonLength
    ? refuse('hub/reason-too-long', `A reason has at most ${maxStatusReasonLength} characters.`)
    : undefined
}

/** What is said of scopes. */
export type Scopes = { readonly deviceScope: string | null; readonly parentScopes: readonly string[] }

/**
 * Reads the scopes of a device: a leaf's scope is its parent's, and stands among its parents' too. What is said of the scope of an IoT Edge device is
 * ignored: it is made here. Refuses `hub/device-scope`.
 */
export function readScopes(given: {
  readonly capabilities?: Capabilities | undefined
  readonly deviceScope?: string | null | undefined
  readonly parentScopes?: readonly string[] | undefined
}): Result<Scopes> {
  const isEdge = given.capabilities?.iotEdge === true
  const deviceScope = isEdge || given.deviceScope === undefined || given.deviceScope === '' ? null : given.deviceScope
  const parentScopes = (given.parentScopes ?? []).length > 0 ? (given.parentScopes ?? []) : deviceScope === null ? [] : [deviceScope]
  if (deviceScope !== null && !isScope(deviceScope)) return notScope()
  if (parentScopes.length > maxParentScopes || !parentScopes.every(isScope)) return notScope()
  return ok({ deviceScope, parentScopes: Object.freeze([...parentScopes]) })
}

function notScope(): Result<never> {
  return refuse(
    'hub/device-scope',
    `A scope reads ms-azure-iot-edge://DEVICE-GENERATION, and a device has at most ${maxParentScopes} parents.`,
  )
}
