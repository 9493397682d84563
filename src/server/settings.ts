import { type TSchema, Type } from 'typebox'
import { Check } from 'typebox/value'
import { type Refusal, type Result, fail, ok } from '#base'
import { type Settings, settingsSchema } from './settings-schema.ts'
import { type Plain, parseYaml } from './yaml.ts'

/** One thing that is wrong with a settings file: where (`listeners.mqtt.limits.topicLevels`), and a sentence without the place. */
export type SettingsProblem = { readonly path: string; readonly message: string }

/** Why a settings file is refused, with everything that is wrong with it. */
export type SettingsRefusal = Refusal & { readonly problems: readonly SettingsProblem[] }

// A person mends a few at a time; a file of ten thousand mistakes is not a settings file.
const maxProblems = 20

/**
 * Reads the text of a settings file. Refuses `server/settings-malformed` (no YAML) and `server/settings-invalid`: a name that is no setting, with
 * the one that was probably meant, and a value out of its range. Nothing is rounded, clipped or guessed.
 */
export function parseSettings(text: string): Result<Settings, SettingsRefusal> {
  const read = parseYaml(text)
  if (!read.ok) return fail({ ...read.error, problems: [] })
  const problems: SettingsProblem[] = []
  const value = valueOf(settingsSchema, read.value, '', problems)
  const [first] = problems
  if (first !== undefined) {
    const more = problems.length === 1 ? '' : ` And ${problems.length - 1} more.`
    return fail({ code: 'server/settings-invalid', message: `${first.path} ${first.message}.${more}`, problems })
  }
  if (!Check(settingsSchema, value)) throw new Error('bug: settings that were found good are not')
  return ok(value)
}

/** The members of a group by name, or undefined for a schema that is none. */
export function membersOf(schema: TSchema): ReadonlyMap<string, TSchema> | undefined {
  return Type.IsObject(schema) ? new Map(Object.entries(schema.properties)) : undefined
}

function valueOf(schema: TSchema, given: Plain, path: string, problems: SettingsProblem[]): unknown {
  const members = membersOf(schema)
  const tell = (at: string, message: string): void => {
    if (problems.length < maxProblems) problems.push({ path: at === '' ? 'The file' : at, message })
  }
  const element = groupsIn(schema)
  if (element !== undefined && isList(given)) {
    const most: unknown = Reflect.get(schema, 'maxItems')
    if (typeof most === 'number' && given.length > most) tell(path, `has more than ${most} groups`)
    return given.map((one, index) => valueOf(element, one, `${path}.${index}`, problems))
  }
  if (members === undefined) {
    const value = given instanceof Map ? undefined : given
    if (!Check(schema, value)) tell(path, `must be ${wantedBy(schema)}, not ${shown(given)}`)
    return value
  }
  if (given === null || given instanceof Map)
    for (const name of requiredIn(schema))
      if (given === null || !given.has(name)) tell(path === '' ? name : `${path}.${name}`, 'is missing')
  // A group of which every line is commented out.
  if (given === null) return {}
  if (!(given instanceof Map)) {
    tell(path, `must be a group of settings, not ${shown(given)}`)
    return undefined
  }
  const out: Record<string, unknown> = {}
  for (const [name, inner] of given) {
    const member = members.get(name)
    const at = path === '' ? name : `${path}.${name}`
    if (member !== undefined) out[name] = valueOf(member, inner, at, problems)
    else tell(shortened(at), `is no setting${meant(name, [...members.keys()])}`)
  }
  return out
}

/** What a list of groups holds; undefined for every other schema. */
export function groupsIn(schema: TSchema): TSchema | undefined {
  return Type.IsArray(schema) && Type.IsObject(schema.items) ? schema.items : undefined
}

function requiredIn(schema: TSchema): readonly string[] {
  return Type.IsObject(schema) ? (schema.required ?? []) : []
}

function isList(given: Plain): given is readonly Plain[] {
  return Array.isArray(given)
}

/** A range or a choice in words: `a whole number of seconds from 1 to 600`. */
export function wantedBy(schema: TSchema): string {
  if (Type.IsEnum(schema)) return `one of ${schema.enum.join(', ')}`
  if (groupsIn(schema) !== undefined) return 'a list of groups'
  if (Type.IsArray(schema)) return 'a list of names'
  if (Type.IsInteger(schema) || Type.IsNumber(schema)) {
    const unit = unitOf(schema)
    const of = unit === undefined || unit === 'port' ? '' : unit.startsWith('a ') ? ` ${unit}` : ` (${unit})`
    return `a ${Type.IsInteger(schema) ? 'whole ' : ''}number${of} from ${String(Reflect.get(schema, 'minimum'))} to ${String(Reflect.get(schema, 'maximum'))}`
  }
  return 'text'
}

/** The unit of a number, for people. */
export function unitOf(schema: TSchema): string | undefined {
  const unit: unknown = Reflect.get(schema, 'unit')
  return typeof unit === 'string' ? unit : undefined
}

function shown(value: Plain): string {
  if (value instanceof Map) return 'a group'
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'number' ? String(value) : shortened(JSON.stringify(value))
}

function shortened(text: string): string {
  return text.length <= 120 ? text : `${text.slice(0, 119)}…`
}

/** Names the setting that was probably meant, if one is near. */
function meant(name: string, known: readonly string[]): string {
  const longer = name.length < 4 ? undefined : known.find((each) => each.toLowerCase().startsWith(name.toLowerCase()))
  if (longer !== undefined) return `; is ${longer} meant?`
  const near = known.map((each) => ({ each, distance: distanceOf(name, each) })).toSorted((a, b) => a.distance - b.distance)[0]
  return near !== undefined && near.distance <= Math.max(2, near.each.length / 4) ? `; is ${near.each} meant?` : ''
}

/** Letters to add, drop or change to come from one name to the other; capitals count as small ones. */
function distanceOf(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 16) return Number.POSITIVE_INFINITY
  const [from, to] = [a.toLowerCase(), b.toLowerCase()]
  let row = Array.from({ length: to.length + 1 }, (_, i) => i)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)))
    row = next
  }
  return row[to.length] ?? 0
}
