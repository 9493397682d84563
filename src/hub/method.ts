import type { DeviceId, Grant, Result } from '#base'
import type { Json } from '#wire/json'

/** A direct method to be called. `payload` undefined is sent as `null`. */
export type MethodCall = {
  readonly name: string
  readonly payload?: Json | undefined
  /** 5 to 300, default 30. */
  readonly responseTimeoutSeconds?: number | undefined
  /** How long to wait for the device to come online: 0 to 300, default 0. */
  readonly connectTimeoutSeconds?: number | undefined
}

/** What the device answered: any integer, and JSON. */
export type MethodAnswer = { readonly status: number; readonly payload: Json }

/** A live connection that takes method calls. `call` sends one; `body` is JSON text, never empty; `rid` is short and URL-safe. */
export type MethodLink = { call(rid: string, name: string, body: string): void }

/** A {@link MethodLink} that calls can reach. */
export type AttachedMethodLink = {
  /** The device's answer, its body as received. An unknown or late `rid` is ignored. */
  answer(rid: string, status: number, body: Uint8Array): void
  /** The connection ended or no longer takes methods: pending calls are refused with `hub/device-gone`. */
  detach(): void
}

/** Direct methods: in memory, over whichever connection the device has. */
export interface Methods {
  /**
   * Calls a method and waits for its answer. Refuses `hub/method-malformed`, `hub/device-not-found`, `hub/device-offline` (after the connect
   * timeout), `hub/device-gone`, `hub/method-timeout`, `hub/method-answer-malformed`, `hub/too-many-calls`.
   */
  invoke(grant: Grant<'method.invoke'>, identity: DeviceId, call: MethodCall): Promise<Result<MethodAnswer>>
  /** A connection of this identity takes methods from now on. */
  attach(identity: DeviceId, link: MethodLink): AttachedMethodLink
  /** Whether some connection of this identity takes methods now. */
  isReachable(identity: DeviceId): boolean
}
