import { type Static, Type } from 'typebox'
import { type Instant, type Result, Secret, instant, ok, refuse } from '#base'
import type { AttributeChange, SecretVersion } from '#vault'
import { type Route, bare, route } from '../route.ts'
import { deletedView, rotation, secret, secretChange, secretInput, secretValue, secretView, secrets } from '../secret-schema.ts'
import { secretAccessRoutes } from './secret-access.ts'
import type { Parts } from './parts.ts'

const closed = { additionalProperties: false } as const
const path = Type.Object({ name: Type.String({ minLength: 1, maxLength: 127 }) }, closed)
const page = Type.Object(
  { after: Type.Optional(Type.String({ maxLength: 127 })), limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500 })) },
  closed,
)
const named = ({ name }: { readonly name: string }) => `secret:${name}`
const all = () => 'secrets'
const one = { status: 200, is: secret, description: 'The secret.' } as const
const many = { status: 200, is: secrets, description: 'The secrets.' } as const
const gone = { status: 204, is: Type.Null(), description: 'Done.' } as const

/** Secrets: set, read, rotated, deleted; and who may do what with which. */
export function secretRoutes(parts: Parts): readonly Route[] {
  return [...looking(parts), ...changing(parts), ...ending(parts), ...secretAccessRoutes(parts)]
}

function looking({ ports }: Parts): readonly Route[] {
  const { vault } = ports
  return [
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/secrets',
      summary: 'The secrets that a rule lets you list, by name, without values.',
      access: { grants: ['secret.list'] },
      resource: all,
      query: page,
      answer: many,
      async handle(call) {
        const found = await vault.list(call.grant('secret.list'), pageOf(call.query))
        if (!found.ok) return found
        return ok({ secrets: found.value.items.map((each) => secretView(each.newest, each.rotation)), next: found.value.next ?? null })
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/secrets/{name}',
      summary: 'The newest version of a secret and its rotation, without the value.',
      access: { grants: ['secret.list'] },
      resource: named,
      params: path,
      answer: one,
      async handle(call) {
        const found = await vault.describe(call.grant('secret.list'), call.params.name, { from: call.address })
        return found.ok ? ok(secretView(found.value.newest, found.value.rotation)) : found
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/secrets/{name}/versions',
      summary: 'The versions of a secret, the newest first, without values.',
      access: { grants: ['secret.list'] },
      resource: named,
      params: path,
      query: page,
      answer: many,
      async handle(call) {
        const from = { from: call.address }
        const found = await vault.versions(call.grant('secret.list'), call.params.name, pageOf(call.query), from)
        return found.ok ? ok({ secrets: found.value.items.map((item) => secretView(item)), next: found.value.next ?? null }) : found
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/secrets/{name}/read',
      summary: 'Reads a value, base64: of the newest version, or of one. It is in the audit log before it is in the answer.',
      access: { grants: ['secret.read'] },
      resource: named,
      params: path,
      body: Type.Object({ version: Type.Optional(Type.String({ maxLength: 32 })) }, { ...closed, title: 'SecretRead' }),
      answer: { status: 200, is: secretValue, description: 'The value.' },
      async handle(call) {
        const { name } = call.params
        const read = await vault.read(call.grant('secret.read'), name, call.body.version, { from: call.address })
        if (!read.ok) return read
        using value = read.value.value
        return ok({ secret: secretView(read.value.item), value: value.use((bytes) => bytes.toString('base64')) })
      },
    }),
  ]
}

function changing({ ports }: Parts): readonly Route[] {
  const { vault } = ports
  return [
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/secrets',
      summary: 'Gives a secret a new version, and makes the secret if there is none of the name.',
      access: { grants: ['secret.write'] },
      resource: all,
      body: secretInput,
      answer: { ...one, status: 201 },
      async handle(call) {
        const { name, value: text, ...given } = call.body
        const attributes = attributesOf(given)
        if (!attributes.ok) return attributes
        if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return refuse('control/malformed', 'body.value is no base64.')
        using value = new Secret(Buffer.from(text, 'base64'))
        return shown(await vault.set(call.grant('secret.write'), name, value, attributes.value, { from: call.address }))
      },
    }),
    route({
      ...bare,
      method: 'PATCH',
      path: '/api/v1/secrets/{name}',
      summary: 'Changes what is said of a version; the newest unless one is named. The value never changes.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      body: secretChange,
      answer: one,
      async handle(call) {
        const { version, ...given } = call.body
        const change = attributesOf(given)
        if (!change.ok) return change
        return shown(await vault.update(call.grant('secret.write'), call.params.name, version, change.value, { from: call.address }))
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/secrets/{name}/rotate',
      summary: 'Makes a new version now, by the generator of its rotation. The version before stays enabled for the overlap.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      answer: { ...one, status: 201 },
      handle: async (call) => shown(await vault.rotate(call.grant('secret.write'), call.params.name, { from: call.address })),
    }),
    route({
      ...bare,
      method: 'PUT',
      path: '/api/v1/secrets/{name}/rotation',
      summary: 'Says when a secret gets a new version, and whether the hub makes its value.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      body: rotation,
      answer: gone,
      async handle(call) {
        const { everyDays, beforeExpiryDays, generator, bytes = 32, encoding = 'base64url', overlapHours = 24 } = call.body
        const policy = { everyDays, beforeExpiryDays, generator, bytes, encoding, overlapHours }
        return done(await vault.setRotation(call.grant('secret.write'), call.params.name, policy, { from: call.address }))
      },
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/secrets/{name}/rotation',
      summary: 'Rotates a secret no more.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      answer: gone,
      handle: async (call) =>
        done(await vault.setRotation(call.grant('secret.write'), call.params.name, undefined, { from: call.address })),
    }),
  ]
}

function ending({ ports }: Parts): readonly Route[] {
  const { vault } = ports
  return [
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/secrets/{name}',
      summary: 'Deletes a secret. For 90 days it can be recovered.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      answer: one,
      async handle(call) {
        const deleted = await vault.delete(call.grant('secret.write'), call.params.name, { from: call.address })
        return deleted.ok ? ok(deletedView(deleted.value)) : deleted
      },
    }),
    route({
      ...bare,
      method: 'GET',
      path: '/api/v1/deleted-secrets',
      summary: 'Deleted secrets that can still be recovered.',
      access: { grants: ['secret.list'] },
      resource: all,
      query: page,
      answer: many,
      async handle(call) {
        const found = await vault.deleted(call.grant('secret.list'), pageOf(call.query))
        return found.ok ? ok({ secrets: found.value.items.map(deletedView), next: found.value.next ?? null }) : found
      },
    }),
    route({
      ...bare,
      method: 'POST',
      path: '/api/v1/deleted-secrets/{name}/recover',
      summary: 'Takes a deletion back.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      answer: one,
      handle: async (call) => shown(await vault.recover(call.grant('secret.write'), call.params.name, { from: call.address })),
    }),
    route({
      ...bare,
      method: 'DELETE',
      path: '/api/v1/deleted-secrets/{name}',
      summary: 'Ends a deleted secret for good, with all of its versions.',
      access: { grants: ['secret.write'] },
      resource: named,
      params: path,
      answer: gone,
      handle: async (call) => done(await vault.purge(call.grant('secret.write'), call.params.name, { from: call.address })),
    }),
  ]
}

function shown(outcome: Result<SecretVersion>): Result<Static<typeof secret>> {
  return outcome.ok ? ok(secretView(outcome.value)) : outcome
}

function done(outcome: Result<void>): Result<null> {
  return outcome.ok ? ok(null) : outcome
}

function pageOf({ after, limit = 100 }: Static<typeof page>): { readonly after: string | undefined; readonly limit: number } {
  return { after, limit }
}

function attributesOf(given: Omit<Static<typeof secretChange>, 'version'>): Result<AttributeChange> {
  const { contentType, tags, enabled } = given
  const notBefore = readTime(given.notBefore, 'notBefore')
  if (!notBefore.ok) return notBefore
  const expiresAt = readTime(given.expiresAt, 'expiresAt')
  if (!expiresAt.ok) return expiresAt
  const held = tags === undefined ? undefined : new Map(tags.map(({ name, value }) => [name, value]))
  return ok({ contentType, tags: held, enabled, notBefore: notBefore.value, expiresAt: expiresAt.value })
}

function readTime(text: string | null | undefined, member: string): Result<Instant | null | undefined> {
  if (text === undefined || text === null) return ok(text)
  const at = Date.parse(text)
  return Number.isFinite(at) ? ok(instant(at)) : refuse('control/malformed', `body.${member} is no time such as 2027-01-31T00:00:00Z.`)
}
