import type { WebSite } from '#wire/web'
import { AcmeAccounts } from './accounts.ts'
import { Looks } from './looks.ts'
import { Nonces } from './nonces.ts'
import { AcmeOrders } from './orders.ts'
import type { AcmePorts } from './ports.ts'
import { acmeSite } from './site.ts'

/** ACME: its accounts, for operators, and its site, for clients. Dispose of it to end looks that are under way. */
export type Acme = AsyncDisposable & { readonly accounts: AcmeAccounts; readonly site: WebSite; readonly settled: () => Promise<void> }

/** Opens ACME on what is kept. */
export async function openAcme(ports: AcmePorts): Promise<Acme> {
  const accounts = new AcmeAccounts(ports)
  const orders = new AcmeOrders(ports)
  const looks = new Looks(ports, orders)
  await orders.recover()
  const site = acmeSite({ ports, accounts, orders, looks, nonces: new Nonces(ports.clock, ports.random) })
  return { accounts, site, settled: () => looks.settled(), [Symbol.asyncDispose]: () => looks[Symbol.asyncDispose]() }
}
