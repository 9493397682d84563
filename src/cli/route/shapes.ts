import { time } from '../api.ts'
import { anything, flag, list, maybe, number, object, text } from '../shape.ts'

const settings = {
  fallback: flag,
  routes: list(object({ name: text, source: text, condition: text, endpoint: text, isEnabled: flag })),
  enrichments: list(object({ key: text, value: text, endpoints: list(text) })),
}

/** What routes say, of whichever hub. */
export const routeSettings = object(settings)

/** The routes in force, with what they add to events. */
export const routeSet = object({ version: number, ...settings })
/** See {@link routeSet}. */
export type ApiRouteSet = ReturnType<typeof routeSet>

const made = { name: text, kind: text, settings: anything, sources: list(text), condition: text }

/** Endpoints as an export has them: what they are, whatever else it says of how they did. */
export const exportedEndpoints = object({ endpoints: list(object(made)) })

/** An endpoint and how it does. */
export const endpoint = object({
  ...made,
  createdAt: time,
  createdBy: text,
  health: text,
  failingSince: maybe(time),
  reason: maybe(text),
  cursor: number,
  lagRecords: number,
  lagMs: number,
  delivered: number,
  deadLetters: number,
  trimmed: number,
  failures: number,
  lost: number,
  tooLarge: number,
})
/** See {@link endpoint}. */
export type ApiEndpoint = ReturnType<typeof endpoint>

/** Every endpoint. */
export const endpoints = object({ endpoints: list(endpoint) })

const letter = { id: number, endpoint: text, offset: number, device: text, reason: text, tries: number, putAsideAt: time, replays: flag }

/** A page of dead letters. */
export const deadLetters = object({ deadLetters: list(object(letter)), next: maybe(number) })

/** One dead letter with its event. */
export const deadLetter = object({ ...letter, event: anything })

/** How many letters an act was about. */
export const letterCount = object({ letters: number })

/** How a message fares. */
export const tested = object({
  matches: maybe(flag),
  problem: maybe(object({ message: text, line: number, column: number })),
  routes: list(text),
  endpoints: list(text),
})
