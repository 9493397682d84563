import { generateKeyPairSync } from 'node:crypto'
import { exportJWK } from 'jose'
import { auditMigrations, openAudit } from '#audit'
import { Secret, instant, refuse } from '#base'
import { FakeClock } from '../../../test/fake-clock.ts'
import { keyWrap } from '../../../test/key-wrap.ts'
import { openTestStore } from '../../../test/open-test-store.ts'
import { SeededRandom } from '../../../test/seeded-random.ts'
import { KeySet, serviceAlgorithms } from '../authentication/key-set.ts'
import { authorize, systemGrant } from '../grant.ts'
import type { ServiceCaller } from './contract.ts'
import { type DirectoryPorts, type ServiceChanged } from './directory-ports.ts'
import { openServiceDirectory } from './directory.ts'
import { serviceMigrations } from './records.ts'
import { type ServiceRefused, openServices } from './services.ts'

export const write = systemGrant('service.write', 'hub')
export const read = systemGrant('service.read', 'hub')
export const day = 86_400_000
export const start = Date.UTC(2026, 5, 1)
export const outside = generateKeyPairSync('ec', { namedCurve: 'P-256' })
export const issuer = 'https://login.example/tenant/v2.0'

/** The directory on a real store and audit log, and the proof of back ends on it. */
export async function scene({ policiesUntil }: { readonly policiesUntil: number | undefined } = { policiesUntil: start + 90 * day }) {
  const scope = new AsyncDisposableStack()
  const opened = scope.use(await openTestStore([...auditMigrations, ...serviceMigrations]))
  const clock = new FakeClock(start)
  const audit = await openAudit({ store: opened.store, clock }, new AbortController().signal)
  const { wrapKey, unwrapKey } = keyWrap('vault', new SeededRandom(5))
  const told: ServiceChanged[] = []
  const refused: ServiceRefused[] = []
  const ports: DirectoryPorts = {
    store: opened.store,
    clock,
    random: new SeededRandom(3),
    commit: audit.commit,
    seal: (purpose, plaintext) => Buffer.concat([Buffer.from(`${purpose}\n`), wrapKey(new Secret(Buffer.from(plaintext)))]),
    unseal(purpose, sealed) {
      const head = Buffer.from(`${purpose}\n`)
      return sealed.subarray(0, head.length).equals(head) ? unwrapKey(sealed.subarray(head.length)) : refuse('vault/damaged', 'no')
    },
    tell: (fact) => void told.push(fact),
  }
  const until = policiesUntil === undefined ? undefined : instant(policiesUntil)
  const directory = await openServiceDirectory(ports, until)
  const jwk = { ...(await exportJWK(outside.publicKey)), kid: 'k1', use: 'sig' }
  const asked = { keys: 0, text: JSON.stringify({ keys: [jwk] }) }
  const readKeys = async () => (asked.keys++, asked.text)
  const names = ['hub.example', '192.0.2.1']
  const services = openServices({
    clock,
    directory,
    issuers: [
      { issuer, keys: new KeySet(readKeys, clock, serviceAlgorithms), audience: undefined, rolesClaim: undefined },
      {
        issuer: 'https://other.example',
        keys: new KeySet(readKeys, clock, serviceAlgorithms),
        audience: 'thingwall',
        rolesClaim: 'realm_access.roles',
      },
    ],
    names,
    isOurHost: (host) => host.toLowerCase().replace(/:\d+$/, '') === 'hub.example',
    refused: (what) => void refused.push(what),
  })
  const ask = async (token: string, kind: 'http' | 'cbs' | 'event-hubs' = 'http', address = '198.51.100.7') => {
    const said = await services.authenticate(token, { address, kind })
    return said.ok ? rightsOf(said.value) : said.error.code === 'access/service-refused' ? `no: ${said.error.detail}` : said.error.code
  }
  const reopen = async (policiesFrom = until) => {
    const store = await opened.reopen()
    const { commit } = await openAudit({ store, clock }, new AbortController().signal)
    return await openServiceDirectory({ ...ports, store, commit }, policiesFrom)
  }
  return { clock, audit, directory, services, ask, told, refused, asked, opened, reopen, [Symbol.asyncDispose]: () => scope.disposeAsync() }
}

export const rights = [
  'device.read',
  'device.write',
  'twin.read',
  'twin.write',
  'telemetry.read',
  'method.invoke',
  'device.act',
  'hub.administer',
] as const
export function rightsOf({ caller }: ServiceCaller): string {
  const held = rights.filter((action) => authorize(caller, action, 'x').ok)
  return `${caller.actor.kind} ${caller.actor.id} ${caller.actor.via}: ${held.join(' ')}`
}
export const contributor = 'device.read device.write twin.read twin.write telemetry.read method.invoke'
