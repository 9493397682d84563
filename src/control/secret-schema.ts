import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import { type AccessRule, type DeletedSecret, type RotationPolicy, type SecretVersion, secretLimits, secretRights } from '#vault'
import { time } from './schema.ts'

/* The shapes of secrets; see schema.ts for the rules. Values are in two of them alone: what is set, and what is read. */

const closed = { additionalProperties: false } as const
const name = Type.String({ minLength: 1, maxLength: 127 })
const version = Type.String({ minLength: 32, maxLength: 32 })
const text = Type.String({ maxLength: secretLimits.tagCharacters })
const tags = Type.Array(Type.Object({ name: text, value: text }, closed), { maxItems: secretLimits.tags })
const timeOrNull = Type.Union([time, Type.Null()])

/** When a secret gets a new version, and whether the hub makes its value. */
export const rotation = Type.Object(
  {
    everyDays: Type.Optional(Type.Integer({ minimum: 1, maximum: secretLimits.rotationDays })),
    beforeExpiryDays: Type.Optional(Type.Integer({ minimum: 1, maximum: secretLimits.rotationDays })),
    generator: Type.Enum(['random', 'none']),
    bytes: Type.Optional(Type.Integer({ minimum: 16, maximum: secretLimits.generatedBytes })),
    encoding: Type.Optional(Type.Enum(['base64url', 'hex'])),
    overlapHours: Type.Optional(Type.Integer({ minimum: 0, maximum: secretLimits.rotationDays * 24 })),
  },
  { ...closed, title: 'SecretRotation' },
)

/** A version of a secret, without its value. */
export const secret = Type.Object(
  {
    name,
    version,
    contentType: Type.Union([Type.String(), Type.Null()]),
    tags,
    enabled: Type.Boolean(),
    notBefore: timeOrNull,
    expiresAt: timeOrNull,
    createdAt: time,
    updatedAt: time,
    retiresAt: timeOrNull,
    rotation: Type.Optional(rotation),
    deletedAt: Type.Optional(time),
    purgesAt: Type.Optional(time),
  },
  { ...closed, title: 'Secret' },
)

/** A list of them, and after which name to go on. */
export const secrets = Type.Object(
  { secrets: Type.Array(secret), next: Type.Union([Type.String(), Type.Null()]) },
  { ...closed, title: 'Secrets' },
)

const attributes = {
  contentType: Type.Optional(Type.String({ maxLength: secretLimits.contentTypeCharacters })),
  tags: Type.Optional(tags),
  enabled: Type.Optional(Type.Boolean()),
  notBefore: Type.Optional(timeOrNull),
  expiresAt: Type.Optional(timeOrNull),
}

/** A new version to be: `value` is base64, so that a secret may be any bytes. */
export const secretInput = Type.Object(
  { name, value: Type.String({ minLength: 1, maxLength: Math.ceil(secretLimits.valueBytes / 3) * 4 }), ...attributes },
  { ...closed, title: 'SecretInput' },
)

/** What is changed of a version; without one, of the newest. */
export const secretChange = Type.Object({ version: Type.Optional(version), ...attributes }, { ...closed, title: 'SecretChange' })

/** A value that was read, base64. */
export const secretValue = Type.Object({ secret, value: Type.String() }, { ...closed, title: 'SecretValue' })

/** A line of the list of access. */
export const secretRule = Type.Object(
  {
    principal: Type.String({ maxLength: secretLimits.principalCharacters }),
    secrets: Type.String({ maxLength: 127 }),
    rights: Type.Array(Type.Enum([...secretRights])),
    createdAt: time,
    createdBy: Type.String(),
  },
  { ...closed, title: 'SecretRule' },
)

/** A version as the API shows it. */
export function secretView(item: SecretVersion, policy?: RotationPolicy): Static<typeof secret> {
  const at = (when: SecretVersion['expiresAt']) => (when === undefined ? null : isoTime(when))
  return {
    name: item.name,
    version: item.version,
    contentType: item.contentType ?? null,
    tags: [...item.tags].map(([tag, value]) => ({ name: tag, value })),
    enabled: item.enabled,
    notBefore: at(item.notBefore),
    expiresAt: at(item.expiresAt),
    createdAt: isoTime(item.createdAt),
    updatedAt: isoTime(item.updatedAt),
    retiresAt: at(item.retiresAt),
    ...(policy === undefined ? {} : { rotation: rotationView(policy) }),
  }
}

/** A deleted secret as the API shows it. */
export function deletedView({ item, deletedAt, purgesAt }: DeletedSecret): Static<typeof secret> {
  return { ...secretView(item), deletedAt: isoTime(deletedAt), purgesAt: isoTime(purgesAt) }
}

/** A rule as the API shows it. */
export function ruleView(rule: AccessRule): Static<typeof secretRule> {
  const { principal, secrets: on, rights, createdBy } = rule
  return { principal, secrets: on, rights: [...rights], createdAt: isoTime(rule.createdAt), createdBy }
}

function rotationView({ everyDays, beforeExpiryDays, ...rest }: RotationPolicy): Static<typeof rotation> {
  return {
    ...(everyDays === undefined ? {} : { everyDays }),
    ...(beforeExpiryDays === undefined ? {} : { beforeExpiryDays }),
    ...rest,
  }
}
