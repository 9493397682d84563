import { type Result, ok, refuse } from '#base'
import type { Json } from '#wire/json'

/** A JSON object out of a body, already bounded. Its keys are the peer's: they are looked up by {@link field} alone. */
export type JsonObject = { readonly [key: string]: Json }

/** True for an object, and not for a list or null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A member of an object; undefined where it is missing or null, which Azure's clients do not tell apart. */
export function field(object: JsonObject, name: string): Json | undefined {
  const value = Object.hasOwn(object, name) ? object[name] : undefined
  return value === null ? undefined : value
}

/** A body that must be an object. Refuses `control/azure-malformed`. */
export function objectBody(body: Json): Result<JsonObject> {
  return isObject(body) ? ok(body) : malformed('The body must be a JSON object.')
}

/** A member that must be text if it is there. Refuses `control/azure-malformed`. */
export function optionalText(object: JsonObject, name: string): Result<string | undefined> {
  const value = field(object, name)
  return value === undefined || typeof value === 'string' ? ok(value) : malformed(`${name} must be text.`)
}

/** A member that must be there and be text that is not empty. Refuses `control/azure-malformed`. */
export function requiredText(object: JsonObject, name: string): Result<string> {
  const value = field(object, name)
  return typeof value === 'string' && value !== '' ? ok(value) : malformed(`${name} is missing or no text.`)
}

/** A member that must be a whole number if it is there. Refuses `control/azure-malformed`. */
export function optionalInteger(object: JsonObject, name: string): Result<number | undefined> {
  const value = field(object, name)
  return value === undefined || (typeof value === 'number' && Number.isSafeInteger(value))
    ? ok(value)
    : malformed(`${name} must be a whole number.`)
}

/** A member that must be an object if it is there. Refuses `control/azure-malformed`. */
export function optionalObject(object: JsonObject, name: string): Result<JsonObject | undefined> {
  const value = field(object, name)
  return value === undefined || isObject(value) ? ok(value) : malformed(`${name} must be an object.`)
}

/** A whole number as headers and queries spell it; undefined where nothing is said. Refuses `control/azure-malformed`. */
export function numberOf(text: string | undefined, name: string): Result<number | undefined> {
  if (text === undefined) return ok(undefined)
  return /^(?:0|[1-9][0-9]{0,8})$/.test(text) ? ok(Number(text)) : malformed(`${name} must be a whole number.`)
}

/** No, this cannot be read: one sentence that names the place and repeats nothing of what was sent. */
export function malformed(message: string): Result<never> {
  return refuse('control/azure-malformed', message)
}
