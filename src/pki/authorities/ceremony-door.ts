import { type Grant, type Result, type Secret, ok, refuse } from '#base'
import { type GeneralName, encodePem } from '#wire/x509'
import type { Foundry } from '../authority.ts'
import {
  type Answered,
  type ImportedIssuer,
  type IssuerRequest,
  forgetRequest,
  importIssuer,
  issuerRequests,
  requestIssuer,
} from './ceremony.ts'
import { type AuthorityRecord, type CertificateFilter, expiryBuckets, listAuthorities, listCertificates } from './listing.ts'
import { type NewIssuer, retirable, succeedIssuer } from './succession.ts'
import type { KeyStoreState } from '../keys/signing-key.ts'
import type { CertificateRecord } from '../row.ts'
import { placeOfNewKeys } from './authority-keys.ts'
import type { IssuerRole } from './imported-path.ts'
import { type RemovedKey, exportRoot, removeRootKey } from './root-export.ts'

/** Authorities and their keys in the hands of operators: lists, issuers signed elsewhere, the root's key kept elsewhere. Every act is audited. */
export type Ceremony = {
  /** Makes the key of an issuer here, and the request for it: see {@link requestIssuer}. */
  request(grant: Grant<'pki.administer'>, role: IssuerRole): Promise<Result<IssuerRequest>>
  waiting(grant: Grant<'pki.read'>): Promise<readonly IssuerRequest[]>
  forget(grant: Grant<'pki.administer'>, id: string): Promise<Result<void>>
  /** Takes what came back and goes by it: new leaves come from it, the listeners are told. See {@link importIssuer}. */
  import(grant: Grant<'pki.administer'>, answered: Answered): Promise<Result<ImportedIssuer>>
  /** Makes a new issuer now and goes by it: see {@link succeedIssuer}. */
  succeed(grant: Grant<'pki.administer'>, role: IssuerRole): Promise<Result<NewIssuer>>
  /** Whether an issuer may be retired, and the key by which it is revoked: see {@link retirable}. */
  retirable(grant: Grant<'pki.administer'>, serial: string, despite: number): ReturnType<typeof retirable>
  /** A certificate that this hub made, and its PEM when it was handed out. `pki/unknown-serial` for none. */
  certificate(
    grant: Grant<'pki.read'>,
    serial: string,
  ): Promise<Result<{ readonly record: CertificateRecord; readonly pem: string | undefined }>>
  exportRoot(grant: Grant<'pki.administer'>, passphrase: Secret): Promise<Result<Secret>>
  removeRootKey(grant: Grant<'pki.administer'>, proof: Buffer): Promise<Result<RemovedKey>>
  authorities(grant: Grant<'pki.read'>): Promise<Result<readonly AuthorityRecord[]>>
  /** How the place is where keys of new authorities are made. */
  keys(grant: Grant<'pki.read'>): { readonly title: string; readonly state: KeyStoreState }
  /** See {@link listCertificates}. */
  certificates(
    grant: Grant<'pki.read'>,
    filter: CertificateFilter,
    after: { readonly notAfter: number; readonly serial: string } | undefined,
    limit: number,
  ): Promise<readonly CertificateRecord[]>
  /** See {@link expiryBuckets}. */
  expiries(grant: Grant<'pki.read'>, spanMs: number, count: number): ReturnType<typeof expiryBuckets>
}

/** For the PKI. `reload` makes it go by the rows as they are now; `signing` are the serials of the issuers that sign now. */
export function ceremonyOf(
  foundry: Foundry,
  served: readonly GeneralName[],
  reload: () => Promise<Result<unknown>>,
  signing: () => readonly string[],
): Ceremony {
  return {
    request: (grant, role) => requestIssuer(foundry, grant, role),
    waiting: () => issuerRequests(foundry),
    forget: (grant, id) => forgetRequest(foundry, grant, id),
    async import(grant, answered) {
      const imported = await importIssuer(foundry, grant, answered, served)
      if (!imported.ok) return imported
      const reloaded = await reload()
      return reloaded.ok ? imported : reloaded
    },
    async succeed(grant, role) {
      const made = await succeedIssuer(foundry, grant, role)
      if (!made.ok) return made
      const reloaded = await reload()
      return reloaded.ok ? made : reloaded
    },
    retirable: (_grant, serial, despite) => retirable(foundry, serial, signing(), despite),
    async certificate(_grant, serial) {
      const found = await foundry.inventory.bySerial(serial)
      if (found === undefined) return refuse('pki/unknown-serial', 'No certificate of this hub has this serial number.', serial)
      return ok({ record: found.record, pem: found.der && encodePem('CERTIFICATE', found.der) })
    },
    exportRoot: (grant, passphrase) => exportRoot(foundry, grant, passphrase),
    removeRootKey: (grant, proof) => removeRootKey(foundry, grant, proof),
    authorities: () => listAuthorities(foundry, new Set(signing())),
    keys() {
      const store = placeOfNewKeys(foundry.ports)
      return { title: store.title, state: store.state() }
    },
    certificates: (_grant, filter, after, limit) => listCertificates(foundry, filter, after, Math.min(limit, 1_000)),
    expiries: (_grant, spanMs, count) => expiryBuckets(foundry, spanMs, count),
  }
}
