import type { Grant, Result, Secret } from '#base'
import type { GeneralName } from '#wire/x509'
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
import type { IssuerRole } from './imported-path.ts'
import { type RemovedKey, exportRoot, removeRootKey } from './root-export.ts'

/** Issuers whose certificates come from elsewhere, and the root's key that goes elsewhere. Every act is audited. */
export type Ceremony = {
  /** Makes the key of an issuer here, and the request for it: see {@link requestIssuer}. */
  request(grant: Grant<'pki.administer'>, role: IssuerRole): Promise<Result<IssuerRequest>>
  waiting(grant: Grant<'pki.read'>): Promise<readonly IssuerRequest[]>
  forget(grant: Grant<'pki.administer'>, id: string): Promise<Result<void>>
  /** Takes what came back and goes by it: new leaves come from it, the listeners are told. See {@link importIssuer}. */
  import(grant: Grant<'pki.administer'>, answered: Answered): Promise<Result<ImportedIssuer>>
  exportRoot(grant: Grant<'pki.administer'>, passphrase: Secret): Promise<Result<Secret>>
  removeRootKey(grant: Grant<'pki.administer'>, proof: Buffer): Promise<Result<RemovedKey>>
}

/** For the PKI. `reload` makes it go by the rows as they are now. */
export function ceremonyOf(foundry: Foundry, served: readonly GeneralName[], reload: () => Promise<Result<unknown>>): Ceremony {
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
    exportRoot: (grant, passphrase) => exportRoot(foundry, grant, passphrase),
    removeRootKey: (grant, proof) => removeRootKey(foundry, grant, proof),
  }
}
