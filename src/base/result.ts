/**
 * The outcome of an operation that may say no. A no is a value, not an exception: callers must look at `ok`
 * before they can reach `value`, so a refusal cannot be forgotten.
 */
export type Result<T, E = Refusal> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: E }

/** A yes. */
export function ok<T>(value: T): { readonly ok: true; readonly value: T } {
  return { ok: true, value }
}

/** A no, with its reason. */
export function fail<E>(error: E): { readonly ok: false; readonly error: E } {
  return { ok: false, error }
}

/**
 * An expected no. `code` is stable and listed in docs/errors.md (`room/reason`); `message` is one sentence fit for the
 * peer; `detail` stays on this side of every door (logs, audit) and may name internals.
 */
export type Refusal = { readonly code: string; readonly message: string; readonly detail?: string }

/** Builds a failed {@link Result} that carries a {@link Refusal}. */
export function refuse(code: string, message: string, detail?: string): { readonly ok: false; readonly error: Refusal } {
  return fail(detail === undefined ? { code, message } : { code, message, detail })
}

/** The world broke: disk full, peer vanished. Thrown, caught once where the task was started, never shown to a peer whole. */
export class Fault extends Error {
  readonly code: string
  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.name = 'Fault'
    this.code = code
  }
}

/** For the branch that the types say cannot happen. Throws, because reaching it is our bug. */
export function never(value: never): never {
  throw new Error(`bug: unexpected ${JSON.stringify(value)}`)
}

/** A base type that only one parser may mint: `Brand<string, 'DeviceId'>`. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name }
