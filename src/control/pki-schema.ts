import { type Static, Type } from 'typebox'
import { isoTime } from '#base'
import type { AuthorityRecord, CertificateRecord, ImportedIssuer, IssuerRequest, NewIssuer } from '#pki'
import { time } from './schema.ts'

/* The shapes of authorities and of the inventory of certificates; see schema.ts for the rules. */

const closed = { additionalProperties: false } as const
const text = Type.String()
const role = Type.Union([Type.Literal('devices'), Type.Literal('servers')])
const roles = { 'device-issuer': 'devices', 'server-issuer': 'servers' } as const

/** Whose issuer a request is for. */
export const issuerRequestInput = Type.Object({ role }, { ...closed, title: 'IssuerRequestInput' })

/** A key of this hub that waits for its certificate. */
export const issuerRequest = Type.Object(
  { id: text, role, requestPem: text, keySha256: text, madeAt: time },
  { ...closed, title: 'IssuerRequest' },
)

/** What came back from whoever holds the root. */
export const issuerInput = Type.Object(
  { chainPem: Type.String({ maxLength: 65_536 }), rootSha256: Type.Optional(Type.String({ maxLength: 95 })) },
  { ...closed, title: 'IssuerInput' },
)

/** What importing an issuer did. */
export const importedIssuer = Type.Object(
  { role, serial: text, subject: text, fingerprintSha256: text, rootSha256: text, notAfter: time },
  { ...closed, title: 'ImportedIssuer' },
)

/** An authority that signs for this hub, or once did. */
export const authority = Type.Object(
  {
    serial: text,
    role: text,
    origin: text,
    place: text,
    state: text,
    subject: text,
    issuer: text,
    fingerprintSha256: text,
    notBefore: time,
    notAfter: time,
    living: Type.Integer({ minimum: 0 }),
  },
  { ...closed, title: 'Authority' },
)

/** Authorities, and how the place is where keys of new ones are made. */
export const authorities = Type.Object(
  {
    keys: Type.Object({ title: text, state: text, message: Type.Optional(text) }, closed),
    authorities: Type.Array(authority),
  },
  { ...closed, title: 'Authorities' },
)

/** An issuer that was made in place of another. */
export const newIssuer = Type.Object(
  { role, serial: text, subject: text, fingerprintSha256: text, notAfter: time },
  { ...closed, title: 'NewIssuer' },
)

/** As the API shows a new issuer. */
export function newIssuerView({ role: name, notAfter, ...rest }: NewIssuer): Static<typeof newIssuer> {
  return { ...rest, role: roles[name], notAfter: isoTime(notAfter) }
}

/** One certificate that this hub made. */
export const inventoryEntry = Type.Object(
  {
    serial: text,
    kind: text,
    owner: text,
    subject: text,
    issuer: text,
    fingerprintSha256: text,
    notBefore: time,
    notAfter: time,
    revokedAt: Type.Optional(time),
  },
  { ...closed, title: 'InventoryEntry' },
)

/** As the API shows a request. */
export function issuerRequestView({ id, role: name, requestPem, keySha256, madeAt }: IssuerRequest): Static<typeof issuerRequest> {
  return { id, role: roles[name], requestPem, keySha256, madeAt: isoTime(madeAt) }
}

/** As the API shows what was imported. */
export function importedIssuerView({ role: name, notAfter, ...rest }: ImportedIssuer): Static<typeof importedIssuer> {
  return { ...rest, role: roles[name], notAfter: isoTime(notAfter) }
}

/** As the API shows an authority. */
export function authorityView({ notBefore, notAfter, ...rest }: AuthorityRecord): Static<typeof authority> {
  return { ...rest, notBefore: isoTime(notBefore), notAfter: isoTime(notAfter) }
}

/** As the API shows a certificate of the inventory. */
export function inventoryView(one: CertificateRecord): Static<typeof inventoryEntry> {
  const { serial, profile, device, subject, issuer, fingerprintSha256, notBefore, notAfter, revoked } = one
  return {
    serial,
    kind: profile,
    owner: device === null ? 'hub' : `device:${device}`,
    subject,
    issuer,
    fingerprintSha256: fingerprintSha256 ?? '',
    notBefore: isoTime(notBefore),
    notAfter: isoTime(notAfter),
    ...(revoked === null ? {} : { revokedAt: isoTime(revoked.at) }),
  }
}
