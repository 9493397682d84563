import type { WebAnswer, WebRequest, WebSite } from '#wire/web'
import { ok } from '#base'
import { azureErrorReply } from '#wire/azure'
import type { Desk } from '../desk.ts'
import { registrationSite } from '../provisioning/http-site.ts'
import { tellRefused } from '../records.ts'
import type { HttpCall, HttpReply } from './http-call.ts'
import { BodyBudget, withBody } from './read-body.ts'

/** Bytes of bodies to all sites together that may be held at a time. */
const bodyBytes = 32 * 1024 * 1024

/**
 * The sites of the HTTPS listener: provisioning, certificates, secrets. Who is refused there waits like everybody who was denied; who is served
 * is a stranger no more.
 */
export class Sites {
  readonly #desk: Desk
  readonly #budget = new BodyBudget(bodyBytes)
  readonly #registration: WebSite | undefined

  constructor(desk: Desk) {
    this.#desk = desk
    const { provisioning, clock, random } = desk.ports
    if (provisioning === undefined) return
    this.#registration = registrationSite(provisioning, {
      clock,
      random,
      trouble: (error) => desk.ports.trouble?.('a registration by HTTPS', error),
      refused: (refusal, { peer: { address, certificates } }, registrationId) =>
        tellRefused(
          desk,
          { kind: 'https', isProbe: false, address, certificates: () => certificates },
          { ...refusal, reasonCode: 0 },
          registrationId,
        ),
    })
  }

  /** Answers a request to one of the sites. Undefined: it is for somebody else. */
  answer(call: HttpCall): Promise<HttpReply> | undefined {
    const mark = call.target.indexOf('?')
    const path = mark < 0 ? call.target : call.target.slice(0, mark)
    const mine = this.#registration?.serves(path) === true ? this.#registration : undefined
    const site = mine ?? this.#desk.ports.sites?.find((one) => one.serves(path))
    if (site === undefined) return undefined
    return this.#answer(site, call, path, new URLSearchParams(mark < 0 ? '' : call.target.slice(mark + 1)))
  }

  async #answer(site: WebSite, call: HttpCall, path: string, query: URLSearchParams): Promise<HttpReply> {
    const { method, peer } = call
    const outcome = await withBody(call, site.maxBodyBytes(method, path), this.#budget, async (body) => {
      const { address } = peer
      const request: WebRequest = {
        method,
        path,
        query,
        headers: firstValues(call),
        body,
        peer: { address, certificates: peer.certificates() },
      }
      return ok(await site.answer(request))
    })
    if (!outcome.ok) return azureErrorReply(outcome.error, '', this.#desk.ports.clock.now())
    await this.#remember(outcome.value, call)
    return outcome.value
  }

  async #remember({ status, asks }: WebAnswer, call: HttpCall): Promise<void> {
    if (status < 400) return call.peer.proven()
    if ((status !== 401 && status !== 403) || asks === true) return
    const { peer } = call
    const waitMs = peer.denied()
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#desk.ports.clock.after(waitMs, resolve))
  }
}

function firstValues({ headers }: HttpCall): Readonly<Record<string, string>> {
  const values: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers)) {
    const first = typeof value === 'string' ? value : value?.[0]
    if (first !== undefined) values[name] = first
  }
  return values
}
