import { systemGrant } from '#access'
import type { Audit } from '#audit'
import type { Clock, Random } from '#base'
import type { Registry } from '#hub'
import { type Journal, encodeFact } from '#journal'
import { type Acme, type Pki, challengeMethods, networkLook, openAcme } from '#pki'
import type { Store } from '#store'
import type { Vault } from '#vault'
import type { ServerConfig } from './config.io.ts'
import { openEst } from './est.ts'
import type { Log } from './log.io.ts'

type EnrollingRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly journal: Journal
  readonly vault: Vault
  readonly pki: Pki
  readonly devices: Pick<Registry, 'find'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** Both ways to certificates over HTTP: EST for devices, ACME for services. */
export type Enrolling = AsyncDisposable & ReturnType<typeof openEst> & { readonly acme: Acme }

/** Opens EST and ACME. */
export async function openEnrolling(config: Pick<ServerConfig, 'acme' | 'names'>, rooms: EnrollingRooms): Promise<Enrolling> {
  const acme = await openAcmeRoom(config, rooms)
  return { ...openEst(rooms), acme, [Symbol.asyncDispose]: () => acme[Symbol.asyncDispose]() }
}

async function openAcmeRoom({ acme, names }: Pick<ServerConfig, 'acme' | 'names'>, rooms: EnrollingRooms): Promise<Acme> {
  const { store, audit, journal, vault, pki, clock, random, log } = rooms
  const system = systemGrant('certificate.issue', 'acme')
  return openAcme({
    clock,
    random,
    store,
    commit: audit.commit.bind(audit),
    seal: vault.seal.bind(vault),
    unseal: vault.unseal.bind(vault),
    system,
    issue: (request) => pki.issueService(system, request),
    async revoke(serial, reason) {
      const revoked = await pki.revoke(system, { serial }, reason)
      if (!revoked.ok) return revoked
      const counted = { certificates: revoked.value.serials.length, sessions: 0, closed: 0, durationMs: 0 }
      // No session of a device rests on the certificate of a service.
      journal.append(
        encodeFact({ kind: 'certificates-revoked', time: clock.now(), actor: 'acme', by: 'serial', value: serial, reason, ...counted }),
      )
      return revoked
    },
    certificate: (serial) => pki.recorded(system, serial),
    look: networkLook(acme),
    methods: challengeMethods.filter((method) => method !== 'dns-01' || acme.resolvers.length > 0),
    // The server certificate names these too.
    hosts: [...names.map((name) => name.toLowerCase()), 'localhost', '127.0.0.1', '::1'],
    tell: (fact) => void journal.append(encodeFact(fact)),
    trouble: (what, error) => log.error(what, { error }),
  })
}
