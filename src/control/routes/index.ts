import type { Route } from '../route.ts'
import { attestationRoutes } from './attestation.ts'
import { acmeAccountRoutes } from './acme-accounts.ts'
import { auditRoutes } from './audit.ts'
import { bulkRoutes } from './bulk.ts'
import { campaignRoutes } from './campaigns.ts'
import { certificateRoutes } from './certificates.ts'
import { checkRoutes } from './checks.ts'
import { configurationRoutes } from './configurations.ts'
import { containerRoutes } from './containers.ts'
import { decisionRoutes } from './decisions.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import { deviceRoutes } from './devices.ts'
import { egressRoutes } from './egress.ts'
import { enrollmentCodeRoutes } from './enrollment-codes.ts'
import { factoryRoutes } from './factory.ts'
import { fileRoutes } from './files.ts'
import { hubRoutes } from './hub.ts'
import { issuerRoutes } from './issuers.ts'
import { jobRoutes } from './jobs.ts'
import { messageRoutes } from './messages.ts'
import { methodRoutes } from './methods.ts'
import { moduleRoutes } from './modules.ts'
import { openRoutes } from './open.ts'
import { policyRoutes } from './policies.ts'
import { provisioningRoutes } from './provisioning.ts'
import { queryRoutes } from './query.ts'
import { revocationRoutes } from './revocations.ts'
import { secretRoutes } from './secrets.ts'
import { serviceRoutes } from './services.ts'
import { shrinkRoutes } from './shrink.ts'
import { signInRoutes } from './sign-in.ts'
import { pkiRoutes } from './pki.ts'
import { telemetryRoutes } from './telemetry.ts'
import { transferRoutes } from './transfer.ts'
import { twinRoutes } from './twins.ts'
import { syncRoutes } from './sync.ts'
import { vaultRoutes } from './vault.ts'
import type { Parts } from './parts.ts'

/** Everything that the operator door serves, files of the console apart. */
export function allRoutes(parts: Parts): readonly Route[] {
  const rooms = [
    openRoutes,
    signInRoutes,
    hubRoutes,
    deviceRoutes,
    bulkRoutes,
    certificateRoutes,
    campaignRoutes,
    pkiRoutes,
    issuerRoutes,
    enrollmentCodeRoutes,
    acmeAccountRoutes,
    factoryRoutes,
    attestationRoutes,
    provisioningRoutes,
    revocationRoutes,
    moduleRoutes,
    twinRoutes,
    methodRoutes,
    messageRoutes,
    queryRoutes,
    jobRoutes,
    configurationRoutes,
    transferRoutes,
    containerRoutes,
    fileRoutes,
    telemetryRoutes,
    decisionRoutes,
    policyRoutes,
    shrinkRoutes,
    serviceRoutes,
    secretRoutes,
    vaultRoutes,
    syncRoutes,
    egressRoutes,
    deadLetterRoutes,
    checkRoutes,
    auditRoutes,
  ]
  return rooms.flatMap((room) => room(parts))
}
