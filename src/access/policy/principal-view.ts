import type { Subject } from '#base'
import type { IdentityMethod } from './model.ts'
import type { TokenValue } from './topic-pattern.ts'

/** Attributes that begin so are said by the hub alone; those that a subject brings along under such names are not looked at. */
export const hubAttributePrefix = 'thingwall.'

/** How the identity was proven: `device` or another. */
export const methodAttribute = `${hubAttributePrefix}method`

/** A registered device's id; nobody else has this attribute. */
export const deviceAttribute = `${hubAttributePrefix}device`

const otherMethods = ['x509', 'sat', 'custom'] as const

/** How an identity came to be, by its own words: other methods put their name before it, and no device can be registered so. */
export function methodOf(subject: Subject): IdentityMethod | undefined {
  const other = otherMethods.find((method) => subject.identity.startsWith(`${method}:`))
  if (other !== undefined) return other
  return subject.identity === subject.username ? 'device' : undefined
}

/** What rules compare: the subject's attributes without those that only the hub may say, and what the hub says. */
export function attributesOf(subject: Subject): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>()
  for (const [name, value] of Object.entries(subject.attributes)) if (!name.startsWith(hubAttributePrefix)) attributes.set(name, value)
  const method = methodOf(subject)
  if (method !== undefined) attributes.set(methodAttribute, method)
  if (method === 'device') attributes.set(deviceAttribute, subject.identity)
  return attributes
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
