import { time } from '../api.ts'
import { list, maybe, object, text } from '../shape.ts'

/** A registered back end. */
export const service = object({
  name: text,
  roles: list(text),
  algorithm: text,
  keyThumbprint: text,
  until: time,
  createdAt: time,
  createdBy: text,
})
/** See {@link service}. */
export type ApiService = ReturnType<typeof service>

/** Every registered back end. */
export const services = object({ services: list(service) })

const policy = object({ name: text, rights: list(text), until: time, createdAt: time, createdBy: text })

/** Every shared access policy, and until when there may be any. */
export const policies = object({ policies: list(policy), allowedUntil: maybe(time) })

/** A policy that was just made: the only time that the hub shows its keys. */
export const newPolicy = object({ policy, connectionString: text, eventHubsConnectionString: maybe(text) })
