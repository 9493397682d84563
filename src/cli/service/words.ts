import { type Result, ok } from '#base'
import { type Problem, exit, stop } from '../exit.ts'
import { type Given, text } from '../given.ts'

/** Roles of back ends as they are typed, and as the hub calls them. */
export const roleWords: ReadonlyMap<string, string> = new Map([
  ['data-contributor', 'IoT Hub Data Contributor'],
  ['data-reader', 'IoT Hub Data Reader'],
  ['registry-contributor', 'IoT Hub Registry Contributor'],
  ['twin-contributor', 'IoT Hub Twin Contributor'],
  ['key-vault-secrets-officer', 'Key Vault Secrets Officer'],
  ['key-vault-secrets-user', 'Key Vault Secrets User'],
  ['key-vault-reader', 'Key Vault Reader'],
])

/** Rights of shared access policies. */
export const rightWords = ['RegistryRead', 'RegistryWrite', 'ServiceConnect', 'DeviceConnect'] as const

/** The `--until` that was given, as the hub wants it: a day ends with it (UTC), a time is taken as it is. */
export function readUntil(given: Given): Result<string, Problem> {
  const until = text(given, '--until') ?? ''
  const whole = /^\d{4}-\d\d-\d\d$/.test(until) ? `${until}T23:59:59Z` : until
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[+-]\d\d:\d\d)$/.test(whole) && Number.isFinite(Date.parse(whole))) return ok(whole)
  return stop(
    exit.usage,
    until === '' ? 'No end was given.' : `--until does not take "${until}".`,
    'whoever may call is looked at again at a day that is known: at most 366 days ahead.',
    'give for example --until 2027-01-31.',
  )
}

/** The `--rights` that were given, with commas between them. */
export function readRights(given: Given): Result<readonly string[], Problem> {
  const rights = (text(given, '--rights') ?? '').split(',').filter((word) => word !== '')
  const unknown = rights.find((word) => !rightWords.some((right) => right === word))
  if (rights.length > 0 && unknown === undefined) return ok(rights)
  const what = unknown === undefined ? 'No rights were given.' : `--rights does not take "${unknown}".`
  return stop(exit.usage, what, `they are ${rightWords.join(', ')}.`, 'give for example --rights ServiceConnect,RegistryRead.')
}
