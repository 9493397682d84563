import { type DeviceId, identityOf, parseDeviceId, parseModuleId } from '#base'

/** What a SASL PLAIN response claims: a token, and the device it is for; a back end where `identity` is undefined. */
export type PlainClaim = { readonly identity: DeviceId | undefined; readonly token: string }

/** Takes `\0{user}\0{token}` apart (RFC 4616). Undefined for everything else; whom somebody would rather be is passed over. */
export function readPlainParts(response: Buffer | undefined): { readonly user: string; readonly token: string } | undefined {
  const [, user, token = '', ...more] = response?.toString('utf8').split('\0') ?? []
  return user === undefined || more.length > 0 || token === '' ? undefined : { user, token }
}

/**
 * Reads `\0{user}\0{token}`. Users are `{device}@sas.{hub}`, `{device}/modules/{module}@sas.{hub}` and `{policy}@sas.root.{hub}` (azure-wire 4.1).
 * Undefined for everything else. What a back end calls itself does not count: its token says it.
 */
export function readPlain(response: Buffer | undefined): PlainClaim | undefined {
  const parts = readPlainParts(response)
  if (parts === undefined) return undefined
  const { user, token } = parts
  const at = user.lastIndexOf('@sas.')
  if (at < 1) return undefined
  if (user.slice(at).startsWith('@sas.root.')) return { identity: undefined, token }
  const [device = '', word, module = '', ...rest] = user.slice(0, at).split('/')
  const id = parseDeviceId(device)
  if (!id.ok || rest.length > 0) return undefined
  if (word === undefined) return { identity: id.value, token }
  const moduleId = word === 'modules' ? parseModuleId(module) : undefined
  return moduleId?.ok === true ? { identity: identityOf(id.value, moduleId.value), token } : undefined
}
