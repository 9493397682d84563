import { type Subject, identityParts } from '#base'
import type { IdentityMethod } from './model.ts'
import type { TokenValue } from './topic-pattern.ts'

/** Attributes that begin so are said by the hub alone; those that a subject brings along under such names are not looked at. */
export const hubAttributePrefix = 'thingwall.'

/** How the identity was proven: `device` or another. */
export const methodAttribute = `${hubAttributePrefix}method`

/** A registered device's id; nobody else has this attribute, not even its modules. */
export const deviceAttribute = `${hubAttributePrefix}device`

// A module's id, and the id of its device: modules alone have these attributes.
const moduleAttribute = `${hubAttributePrefix}module`
const moduleOfAttribute = `${hubAttributePrefix}moduleOf`

const otherMethods = ['x509', 'sat', 'custom'] as const

/** How an identity came to be, by its own words: other methods put their name before it, and no device can be registered so. */
export function methodOf(subject: Subject): IdentityMethod | undefined {
  const other = otherMethods.find((method) => subject.identity.startsWith(`${method}:`))
  if (other !== undefined) return other
  if (subject.identity !== subject.username) return undefined
  return identityParts(subject.identity).module === undefined ? 'device' : 'module'
}

/** What rules compare: the subject's attributes without those that only the hub may say, and what the hub says. */
export function attributesOf(subject: Subject): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(subject.attributes)) if (!name.startsWith(hubAttributePrefix)) attributes.set(name, value)
  const method = methodOf(subject)
  if (method !== undefined) attributes.set(methodAttribute, method)
  if (method === 'device') attributes.set(deviceAttribute, subject.identity)
  if (method === 'module') for (const [name, value] of moduleAttributesOf(subject)) attributes.set(name, value)
  return attributes
}

/** What the hub says of a module: by these two attributes a rule names it and nobody else. */
export function moduleAttributesOf({ identity }: Pick<Subject, 'identity'>): ReadonlyMap<string, string> {
  const { device, module = '' } = identityParts(identity)
  return new Map<string, string>([
    [moduleOfAttribute, device],
    [moduleAttribute, module],
  ])
}

const attributeToken = 'principal.attributes.'

/** Whether a token is one that policies know: `principal.username`, `principal.clientId`, `principal.attributes.{name}`. */
export function isKnownToken(token: string): boolean {
  return (
    token === 'principal.username' ||
    token === 'principal.clientId' ||
    (token.startsWith(attributeToken) && token.length > attributeToken.length)
  )
}

/** The values of the tokens for one subject. */
export function tokenValueOf(subject: Subject, attributes: ReadonlyMap<string, string>): TokenValue {
  return (token) => {
    if (token === 'principal.username') return subject.username
    if (token === 'principal.clientId') return subject.clientId
    return token.startsWith(attributeToken) ? attributes.get(token.slice(attributeToken.length)) : undefined
  }
}
