import { type Result, ok } from '#base'
import type { Context } from './context.ts'
import type { Problem } from './exit.ts'
import type { Request } from './hub.ts'
import type { Shape } from './shape.ts'

/** An answer as typed data, and as the hub gave it (what --json prints: a newer hub may say more than we read). */
export type Read<T> = { readonly value: T; readonly raw: unknown }

/** Finds the hub, asks, and reads the answer in one shape. */
export async function ask<T>(context: Context, request: Request, shape: Shape<T>): Promise<Result<Read<T>, Problem>> {
  const hub = context.hub()
  if (!hub.ok) return hub
  const answer = await hub.value.ask(request)
  if (!answer.ok) return answer
  return ok({ value: shape(answer.value.body, 'the answer'), raw: answer.value.body })
}
