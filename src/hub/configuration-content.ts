import { type DeviceId, type ModuleId, type Result, identityOf, ok, parseModuleId, refuse } from '#base'
import type { Json } from '#wire/json'
import type { ConfigurationContent, ContentPart } from './configuration.ts'
import { withoutNulls } from './twin-change.ts'
import { checkTwinPart, isTwinObject } from './twin-rules.ts'
import type { TwinObject } from './twin.ts'

/** Modules that the content for an IoT Edge device may name (azure-wire 10). */
const maxEdgeModules = 20
const maxPaths = 1_000
const root = 'properties.desired'

/** One thing that content sets: the keys of the path below the desired properties, none for all of them, and the value. */
export type ContentSetting = { readonly keys: readonly string[]; readonly value: Json }

/** What kind of twins a configuration changes. `edge`: modules of IoT Edge devices. */
export type ConfigurationKind = 'device' | 'module' | 'edge'

/** The kind of a content. */
export function kindOf(content: ConfigurationContent): ConfigurationKind {
  return 'deviceContent' in content ? 'device' : 'moduleContent' in content ? 'module' : 'edge'
}

/**
 * Reads content as it comes from outside: one of `deviceContent`, `moduleContent`, `modulesContent`; empty ones beside it are passed over. Refuses
 * `hub/configuration-content` for anything that could not be put into a twin.
 */
export function parseContent(json: Json | undefined): Result<ConfigurationContent> {
  if (json === undefined || json === null) return ok({ deviceContent: {} })
  if (!isTwinObject(json)) return malformed('it must be an object')
  const given = (['deviceContent', 'moduleContent', 'modulesContent'] as const).flatMap((name) => {
    const part = json[name] ?? {}
    return isTwinObject(part) && Object.keys(part).length === 0 ? [] : [{ name, part }]
  })
  const [only, another] = given
  if (another !== undefined) return malformed('it must be of one kind')
  if (only === undefined) return ok({ deviceContent: {} })
  const { name, part } = only
  if (!isTwinObject(part)) return malformed(`${name} must be an object`)
  if (name === 'modulesContent') return parseModules(part)
  const settings = parsePart(part)
  if (!settings.ok) return settings
  return ok(name === 'deviceContent' ? { deviceContent: part } : { moduleContent: part })
}

function parseModules(part: TwinObject): Result<ConfigurationContent> {
  const modules: [string, ContentPart][] = []
  for (const [name, inner] of Object.entries(part)) {
    const id = parseModuleId(name)
    if (!id.ok) return malformed('a module id is malformed')
    if (!isTwinObject(inner)) return malformed(`the content of ${name} must be an object`)
    const settings = parsePart(inner)
    if (!settings.ok) return settings
    modules.push([name, inner])
  }
  if (modules.length > maxEdgeModules) return malformed(`it names more than ${maxEdgeModules} modules`)
  return ok({ modulesContent: Object.fromEntries(modules) })
}

/** What a part sets, path by path. Refuses `hub/configuration-content` for a path that is none, or one inside another. */
export function parsePart(part: ContentPart): Result<readonly ContentSetting[]> {
  const settings: ContentSetting[] = []
  for (const [path, value] of Object.entries(part)) {
    const keys = keysOf(path)
    if (keys === undefined) return malformed(`a path must be ${root} or begin with ${root}.`)
    if (value === null) return malformed('a value is null')
    settings.push({ keys, value: isTwinObject(value) ? withoutNulls(value) : value })
  }
  if (settings.length > maxPaths) return malformed(`it has more than ${maxPaths} paths`)
  const texts = settings.map(({ keys }) => `${keys.join('.')}.`).toSorted(ascending)
  if (texts.some((text, at) => at > 0 && text.startsWith(texts[at - 1] === '.' ? '' : (texts[at - 1] ?? '-'))))
    return malformed('one path lies in another')
  const whole = checkTwinPart('desired', placed({}, settings))
  return whole.ok ? ok(settings) : refuse('hub/configuration-content', whole.error.message)
}

/** What content sets at each twin of one target: the device itself, the module itself, or the modules of a device. */
export function settingsFor(content: ConfigurationContent, target: DeviceId): ReadonlyMap<DeviceId, readonly ContentSetting[]> {
  if ('deviceContent' in content) return new Map([[target, settingsOf(content.deviceContent)]])
  if ('moduleContent' in content) return new Map([[target, settingsOf(content.moduleContent)]])
  return new Map(
    Object.entries(content.modulesContent).map(([name, part]) => [identityOf(target, moduleOf(name)), settingsOf(part)] as const),
  )
}

/** The desired properties with the settings in place: each path holds its value and nothing else. Nothing given is changed. */
export function placed(desired: TwinObject, settings: readonly ContentSetting[]): TwinObject {
  return settings.reduce((object, { keys, value }) => put(object, keys, value), desired)
}

/** The desired properties without what the settings name; objects around it stay, for nobody knows who made them. */
export function cleared(desired: TwinObject, settings: readonly ContentSetting[]): TwinObject {
  return settings.reduce((object, { keys, value }) => take(object, keys, value), desired)
}

function put(object: TwinObject, [key, ...rest]: readonly string[], value: Json): TwinObject {
  if (key === undefined) return isTwinObject(value) ? value : object
  const inner = object[key]
  return { ...object, [key]: rest.length === 0 ? value : put(isTwinObject(inner) ? inner : {}, rest, value) }
}

function take(object: TwinObject, [key, ...rest]: readonly string[], value: Json): TwinObject {
  // Of a setting of everything only what it named.
  if (key === undefined) return isTwinObject(value) ? without(object, new Set(Object.keys(value))) : object
  if (rest.length === 0) return without(object, new Set([key]))
  const inner = object[key]
  return isTwinObject(inner) ? { ...object, [key]: take(inner, rest, value) } : object
}

function without(object: TwinObject, keys: ReadonlySet<string>): TwinObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !keys.has(key)))
}

function keysOf(path: string): readonly string[] | undefined {
  if (path === root) return []
  if (!path.startsWith(`${root}.`)) return undefined
  const keys = path.slice(root.length + 1).split('.')
  return keys.some((key) => key === '') ? undefined : keys
}

function settingsOf(part: ContentPart): readonly ContentSetting[] {
  const settings = parsePart(part)
  if (!settings.ok) throw new Error(`bug: content that was taken is none: ${settings.error.message}`)
  return settings.value
}

function moduleOf(name: string): ModuleId {
  const id = parseModuleId(name)
  if (!id.ok) throw new Error(`bug: content that was taken is none: ${id.error.message}`)
  return id.value
}

function ascending(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

function malformed(problem: string): Result<never> {
  return refuse('hub/configuration-content', `The content of a configuration cannot be that: ${problem}.`)
}
