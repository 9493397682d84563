import type { Static } from 'typebox'
import { type Result, ok } from '#base'
import type { TestMessage } from '#egress'
import { type Json, parseJson } from '#wire/json'
import type { routeTest } from './egress-schema.ts'

/** A part of a request body as JSON that is fit to keep: bounded, and without keys that careless merging would stumble over. */
export function jsonOf(value: unknown): Result<Json> {
  return parseJson(JSON.stringify(value ?? null))
}

/** The message that a request wants tried. */
export function testMessageOf(body: Static<typeof routeTest>): Result<TestMessage> {
  const { source = 'DeviceMessages', device = 'a-device', module, system, properties, body: text, twin } = body
  const message = { source, device, module, system, properties, body: text }
  if (twin === undefined) return ok(message)
  const tags = jsonOf(twin.tags ?? {})
  const desired = jsonOf(twin.properties?.desired ?? {})
  const reported = jsonOf(twin.properties?.reported ?? {})
  if (!tags.ok) return tags
  if (!desired.ok) return desired
  if (!reported.ok) return reported
  return ok({ ...message, twin: { tags: tags.value, properties: { desired: desired.value, reported: reported.value } } })
}
