import { systemGrant } from '#access'
import type { Audit } from '#audit'
import type { Clock, DeviceId, Random } from '#base'
import type { Registry } from '#hub'
import { type Journal, encodeFact } from '#journal'
import { EnrollmentCodes, type Pki, type Standing, estSite } from '#pki'
import type { Store } from '#store'
import type { WebSite } from '#wire/web'
import { decodePem } from '#wire/x509'

type EstRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly journal: Journal
  readonly pki: Pki
  readonly devices: Pick<Registry, 'find'>
  readonly clock: Clock
  readonly random: Random
}

/** Opens EST: the one-time codes, and the site that takes them. */
export function openEst(rooms: EstRooms): { readonly codes: EnrollmentCodes; readonly site: WebSite } {
  const { store, audit, journal, pki, devices, clock, random } = rooms
  const system = systemGrant('certificate.issue', 'est')
  const ports = {
    clock,
    random,
    store,
    commit: audit.commit.bind(audit),
    authorities: () => [...certificatesOf(pki.trustAnchorsPem), ...certificatesOf(pki.issuersPem)],
    verify: pki.verifyDeviceChain.bind(pki),
    standing: (device: DeviceId) => standingOf(devices, device),
    issue: pki.issueDevice.bind(pki, system),
    system,
    tell: (fact: Parameters<typeof encodeFact>[0]) => void journal.append(encodeFact(fact)),
  }
  const codes = new EnrollmentCodes(ports)
  return { codes, site: estSite(ports, codes) }
}

function standingOf(devices: Pick<Registry, 'find'>, id: DeviceId): Standing | undefined {
  const found = devices.find(id)
  if (found === undefined) return undefined
  if (found.status === 'disabled') return 'disabled'
  return found.authentication.type === 'certificateAuthority' ? 'ready' : 'other-proof'
}

/** The certificates of PEM text of ours, block by block: there may be more of them than a peer may send. */
function certificatesOf(pem: string): readonly Buffer[] {
  return pem
    .split(/(?<=-----END CERTIFICATE-----\n)/)
    .filter((block) => block !== '')
    .flatMap((block) => {
      const read = decodePem('CERTIFICATE', block)
      return read.ok ? read.value : []
    })
}
