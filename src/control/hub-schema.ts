import { type TSchema, Type } from 'typebox'
import { maxDeviceIdLength } from '#base'
import type { TwinObject } from '#hub'
import type { Json } from '#wire/json'
import { time } from './schema.ts'

/* Words that the shapes of twins, methods, messages, jobs and configurations share; see schema.ts for the rules. */

/** For objects that take no other members than those named. */
export const closed = { additionalProperties: false } as const

/** Any text. */
export const text = Type.String()

/** How many. */
export const count = Type.Integer({ minimum: 0 })

/** Any JSON value. What came in has been read by `parseJson`, so its depth and size are bounded. */
export const anyJson = Type.Unsafe<Json>({})

/** Any JSON object; see {@link anyJson}. */
export const jsonObject = Type.Unsafe<TwinObject>({ type: 'object' })

/** Something, or null. */
export function orNull<T extends TSchema>(of: T) {
  return Type.Union([of, Type.Null()])
}

/** A time or null. */
export const timeOrNull = orNull(time)

const id = Type.String({ minLength: 1, maxLength: maxDeviceIdLength })

/** The path parameters of one module. */
export const modulePath = Type.Object({ id, module: id }, closed)

/** How many entries a page has, at most 500. */
export const pageLimit = Type.Optional(Type.Integer({ minimum: 1, maximum: 500 }))
