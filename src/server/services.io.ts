import { type Issuer, KeySet, type ServiceDirectory, type Services, openServiceDirectory, openServices, serviceAlgorithms } from '#access'
import type { Audit } from '#audit'
import { type Clock, type Random, type Result, ok } from '#base'
import { type Journal, encodeFact } from '#journal'
import type { Store } from '#store'
import type { Vault } from '#vault'
import type { ServerConfig } from './config.io.ts'
import { hostsOf, keySetReader, readDocumentFile } from './device-authentication.io.ts'
import type { ServicesConfig } from './services-config.ts'

/** Who the back ends are: how they prove it, and who was registered. Dispose of it to close the connections to issuers. */
export type ServiceDoor = Disposable & { readonly services: Services; readonly directory: ServiceDirectory }

type ServiceRooms = {
  readonly store: Store
  readonly audit: Audit
  readonly vault: Vault
  readonly journal: Journal
  readonly clock: Clock
  readonly random: Random
}

/** Opens the door for back ends. Refuses `server/authentication-unreadable` for a key set or a file of authorities that cannot be read. */
export async function openServiceDoor(config: Pick<ServerConfig, 'names' | 'services'>, rooms: ServiceRooms): Promise<Result<ServiceDoor>> {
  const { store, audit, vault, journal, clock, random } = rooms
  using clients = new DisposableStack()
  const issuers = issuersOf(config.services, clients, clock)
  if (!issuers.ok) return issuers
  const directory = await openServiceDirectory(
    {
      store,
      clock,
      random,
      commit: (grant, what, statements) => audit.commit(grant, what, statements),
      seal: (purpose, plaintext) => vault.seal(purpose, plaintext),
      unseal: (purpose, sealed) => vault.unseal(purpose, sealed),
      tell: (fact) => void journal.append(encodeFact(fact)),
    },
    config.services.policiesUntil,
  )
  const services = openServices({
    clock,
    directory,
    issuers: issuers.value,
    names: config.names,
    isOurHost: hostsOf(config.names),
    refused({ address, reason, count }) {
      const fact = {
        kind: 'refused',
        time: clock.now(),
        code: 'access/service-refused',
        message: reason,
        address,
        listener: 'services',
      } as const
      void journal.append(encodeFact(count === 1 ? fact : { ...fact, count }))
    },
  })
  const held = clients.move()
  return ok({ services, directory, [Symbol.dispose]: () => held.dispose() })
}

function issuersOf({ issuers }: ServicesConfig, clients: DisposableStack, clock: Clock): Result<readonly Issuer[]> {
  const opened: Issuer[] = []
  for (const { issuer, keys, caFile, audience, rolesClaim } of issuers) {
    const ca = caFile === undefined ? ok(undefined) : readDocumentFile(caFile)
    if (!ca.ok) return ca
    const read = keySetReader({ keys, caPem: ca.value?.text }, clients)
    if (!read.ok) return read
    opened.push({ issuer, audience, rolesClaim, keys: new KeySet(read.value, clock, serviceAlgorithms) })
  }
  return ok(opened)
}
