import { type Caller, authorize } from '#access'
import { type Action, type Grant, type Result, limits } from '#base'
import type { Json } from '#wire/json'
import { type Segment, segmentsOf } from './match.ts'
import type { AzureServicePorts } from './ports.ts'
import type { AzureRefusal, Reply } from './reply.ts'
import type { ThrottleName } from './throttles.ts'

/*
 * Theory of operation.
 * A route names the rights that it needs before it says what it does, and its handler gets at no other grants. Everything typed ends in this
 * file: the door runs routes without knowing them. There is no route without rights; what is not in the table is not served.
 */

/** The methods that Azure's clients use. */
export type Method = 'GET' | 'PUT' | 'PATCH' | 'POST' | 'DELETE'

/** What a handler gets. `A` are the rights that everybody has who got here; `S` those that only some of them have. */
export type AzureCall<A extends Action, S extends Action> = {
  readonly ports: AzureServicePorts
  /** An id of the path, percent-decoded. */
  id(name: string): string
  query(name: string): string | undefined
  header(name: string): string | undefined
  /** Parsed and bounded JSON; null where the request had no body. */
  readonly body: Json
  /** The path as its route spells it, with its ids as they are: what grants name. */
  readonly path: string
  readonly requestId: string
  grant<K extends A>(action: K): Grant<K>
  ask<K extends S>(action: K): Result<Grant<K>>
}

/** What the door hands in. */
export type RawAzureCall = Omit<AzureCall<never, never>, 'grant' | 'ask'> & { readonly caller: Caller }

type Spec<A extends Action, S extends Action> = {
  readonly method: Method
  /** Keywords as documented, ids in braces: `/twins/{id}/methods`. */
  readonly path: string
  readonly needs: readonly [A, ...A[]]
  readonly sometimes?: readonly S[]
  readonly throttle: ThrottleName
  /** What a request counts; one unless said. */
  readonly cost?: (body: Json) => number
  /** Bytes that a body may have; no body is read where nothing is said. */
  readonly bodyBytes?: number
  readonly run: (call: AzureCall<A, S>) => Promise<Result<Reply, AzureRefusal>>
}

/** A route with its types inside. */
export type AzureRoute = {
  readonly method: Method
  readonly path: string
  readonly pattern: readonly Segment[]
  readonly needs: readonly Action[]
  readonly throttle: ThrottleName
  readonly bodyBytes: number
  cost(body: Json): number
  /** Whether this caller has every right that the route needs. */
  allow(caller: Caller, path: string): Result<void>
  run(raw: RawAzureCall): Promise<Result<Reply, AzureRefusal>>
}

/** Bytes of a body that holds one thing; a twin's desired properties and tags fit several times. */
export const bodyBytes = 256 * 1024

/** Bytes of a body that holds a hundred of them. */
export const bulkBodyBytes: number = limits.httpBodyBytes

/** Declares a route. */
export function azureRoute<const A extends Action, const S extends Action = never>(spec: Spec<A, S>): AzureRoute {
  const allow = (caller: Caller, path: string): Result<void> => {
    for (const action of spec.needs) {
      const granted = authorize(caller, action, path)
      if (!granted.ok) return granted
    }
    return { ok: true, value: undefined }
  }
  return {
    method: spec.method,
    path: spec.path,
    pattern: segmentsOf(spec.path),
    needs: spec.needs,
    throttle: spec.throttle,
    bodyBytes: spec.bodyBytes ?? 0,
    cost: spec.cost ?? (() => 1),
    allow,
    run(raw) {
      return spec.run({
        ...raw,
        ask: (action) => authorize(raw.caller, action, raw.path),
        grant(action) {
          const granted = authorize(raw.caller, action, raw.path)
          if (!granted.ok) throw new Error('bug: a grant that was checked is gone')
          return granted.value
        },
      })
    },
  }
}
