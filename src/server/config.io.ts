import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { availableParallelism, homedir, hostname } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { type Result, fail, ok, refuse } from '#base'
import { fileDefaults, jobDefaults } from '#hub'
import { type AuthenticationConfig, authenticationConfig } from './authentication-config.ts'
import type { LookSettings } from '#pki'
import { type HubLimits, hubLimits } from './hub-limits.ts'
import { acmeConfig } from './acme-settings.ts'
import { type KeysConfig, keysConfig } from './pki-settings.ts'
import { type ProvisioningSettings, provisioningSettings } from './provisioning-settings.ts'
import { connectionEventSeconds } from './routes-settings.ts'
import { type FilesConfig, filesConfig } from './files-settings.ts'
import { startOptions } from './options.ts'
import { type ServicesConfig, servicesConfig } from './services-config.ts'
import type { Settings } from './settings-schema.ts'
import { type SettingsRefusal, parseSettings } from './settings.ts'

/** A hub's settings, parsed. Ports may be 0: any free one. */
export type ServerConfig = {
  readonly dataDirectory: string
  readonly host: string
  readonly consoleHost: string
  readonly mqttPort: number
  readonly httpsPort: number
  readonly amqpPort: number
  /** 8443 when nobody named a port and 443 may not be bound. */
  readonly httpsFallback: number | undefined
  readonly consolePort: number
  /** DNS names and addresses for the certificate, the first one is printed. */
  readonly names: readonly string[]
  /** Undefined: outside the data directory, in the user's configuration. */
  readonly keyFile: string | undefined
  readonly passphraseFile: string | undefined
  readonly retentionBytes: number
  readonly retentionMs: number
  readonly logLevel: LogLevel
  /** Partitions of the built-in endpoint for events. */
  readonly eventPartitions: number
  /** How long routes wait for another change of one device's connection. */
  readonly connectionEventMs: number
  /** Hosts that endpoints of routes may reach although they are private, in lower case. */
  readonly routeHosts: ReadonlySet<string>
  /** Where files of devices go. */
  readonly files: FilesConfig
  /** Whether back ends are told of files that devices have sent. */
  readonly fileNotifications: boolean
  /** Devices that jobs begin with in a second. */
  readonly jobDevicesPerSecond: number
  /** Where keys of new issuers are made. */
  readonly keys: KeysConfig
  /** What devices that register are held to. */
  readonly provisioning: ProvisioningSettings
  /** How ACME proves names. */
  readonly acme: LookSettings
  /** Every bound on what comes from outside. */
  readonly limits: HubLimits
  /** Threads that speak TLS with MQTT clients; 0: none. */
  readonly workers: number
  /** Who may connect besides registered devices with certificates. */
  readonly authentication: AuthenticationConfig
  /** Which back ends may call besides registered ones. */
  readonly services: ServicesConfig
}

/** How much the log says. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Flags by their name without dashes; several values for a repeatable one. */
export type Given = Readonly<Record<string, string | readonly string[] | undefined>>

const dayMs = 24 * 60 * 60 * 1000
const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 }

/**
 * Reads settings from flags, then the environment, then the settings file, then defaults. Unknown flags and values out of range are refused
 * with code `server/bad-option` and a sentence that names the flag; an empty value counts as not given. Refuses what {@link readSettings} does.
 */
export function parseConfig(flags: Given, environment: Readonly<Record<string, string | undefined>>): Result<ServerConfig> {
  const known = new Map(startOptions.map((entry) => [entry.flag.slice(2), entry] as const))
  for (const name of Object.keys(flags)) if (!known.has(name)) return bad(`--${name}`, 'is not an option of a hub')
  const said = (name: string): string | undefined => {
    const flag = flags[name]
    const value = typeof flag === 'string' ? flag : flag?.at(-1)
    const fromEnvironment = environment[known.get(name)?.env ?? '']
    return value || fromEnvironment || undefined
  }
  const file = said('config')
  const settings = file === undefined ? ok<Settings>({}) : readSettings(file)
  if (!settings.ok) return settings
  const inFile = asFlags(settings.value)
  const text = (name: string): string | undefined => said(name) ?? inFile.get(name)
  const port = (name: string, fallback: number): Result<number> => {
    const given = text(name)
    if (given === undefined) return ok(fallback)
    const number = Number(given)
    return /^[0-9]{1,5}$/.test(given) && number <= 65_535 ? ok(number) : bad(`--${name}`, `must be a port from 0 to 65535, not "${given}"`)
  }
  const mqttPort = port('mqtt-port', 8883)
  const httpsPort = port('https-port', 443)
  const amqpPort = port('amqp-port', 5671)
  const consolePort = port('console-port', 9443)
  const retentionBytes = bytes(text('retention-bytes') ?? '10G')
  const retentionDays = Number(text('retention-days') ?? '30')
  const logLevel = text('log-level') ?? 'info'
  const workers = text('workers') ?? `${defaultWorkers(availableParallelism())}`
  const names = namesOf(flags['name'], environment['THINGWALL_NAME'] ?? settings.value.names?.join(','))
  if (!mqttPort.ok) return mqttPort
  if (!httpsPort.ok) return httpsPort
  if (!amqpPort.ok) return amqpPort
  if (!consolePort.ok) return consolePort
  if (retentionBytes === undefined) return bad('--retention-bytes', 'must be a number of bytes from 1M on, such as 10G')
  if (!(retentionDays > 0 && retentionDays <= 36_500)) return bad('--retention-days', 'must be a number of days from above 0 to 36500')
  if (!/^[0-9]{1,2}$/.test(workers) || Number(workers) > 64) return bad('--workers', 'must be a whole number from 0 to 64')
  if (!isLogLevel(logLevel)) return bad('--log-level', 'must be debug, info, warn or error')
  if (!names.ok) return names
  const host = text('host') ?? '127.0.0.1'
  const consoleHost = text('console-host') ?? '127.0.0.1'
  if (isIP(host) === 0) return bad('--host', `must be an IP address of this machine, not "${host}"`)
  if (isIP(consoleHost) === 0) return bad('--console-host', `must be an IP address of this machine, not "${consoleHost}"`)
  const fromFile = (path: string) => resolve(dirname(file ?? '.'), path)
  const authentication = authenticationConfig(settings.value.authentication ?? {}, fromFile)
  if (!authentication.ok) return authentication
  const services = servicesConfig(settings.value.services ?? {}, fromFile)
  if (!services.ok) return services
  const files = filesConfig(settings.value.files, fromFile)
  if (!files.ok) return files
  const keys = keysConfig(settings.value.pki?.keys, fromFile)
  if (!keys.ok) return keys
  const acme = acmeConfig(settings.value.pki?.acme, host)
  if (!acme.ok) return acme
  const provisioning = provisioningSettings(settings.value.provisioning, authentication.value.sasUntil)
  if (!provisioning.ok) return provisioning
  return ok({
    keys: keys.value,
    acme: acme.value,
    provisioning: provisioning.value,
    dataDirectory: resolve(text('data') ?? defaultDataDirectory(environment)),
    host,
    consoleHost,
    mqttPort: mqttPort.value,
    httpsPort: httpsPort.value,
    httpsFallback: text('https-port') === undefined ? 8443 : undefined,
    amqpPort: amqpPort.value,
    consolePort: consolePort.value,
    names: withOwnNames(names.value, host, consoleHost),
    keyFile: absolute(text('key-file')),
    passphraseFile: absolute(text('passphrase-file')),
    retentionBytes,
    retentionMs: retentionDays * dayMs,
    logLevel,
    eventPartitions: settings.value.events?.partitions ?? 4,
    connectionEventMs: (settings.value.routes?.connectionEventSeconds ?? connectionEventSeconds) * 1_000,
    routeHosts: new Set((settings.value.routes?.allowedHosts ?? []).map((host) => host.toLowerCase())),
    files: files.value,
    fileNotifications: settings.value.files?.notifications ?? fileDefaults.notifications,
    jobDevicesPerSecond: settings.value.jobs?.devicesPerSecond ?? jobDefaults.devicesPerSecond,
    limits: hubLimits(settings.value),
    workers: Number(workers),
    authentication: authentication.value,
    services: services.value,
  })
}

/** Threads that speak TLS when nobody says: none on one core, then one for each core up to as many as the engine can feed (docs/adr/0010-tls-workers.md). */
export function defaultWorkers(cores: number): number {
  return cores < 2 ? 0 : Math.min(cores, 4)
}

/**
 * Reads a settings file. Refuses `server/settings-unreadable`, `server/settings-malformed` and `server/settings-invalid`, each with the file in
 * its message and every problem that was found.
 */
export function readSettings(file: string): Result<Settings, SettingsRefusal> {
  let content: string
  try {
    content = readFileSync(file, 'utf8')
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail({ code: 'server/settings-unreadable', message: `The settings file ${file} cannot be read.`, detail: why, problems: [] })
  }
  const parsed = parseSettings(content)
  return parsed.ok ? parsed : fail({ ...parsed.error, message: `The settings file ${file}: ${parsed.error.message}` })
}

/** What a file says of that which flags say too, in their words. */
function asFlags({
  host,
  listeners = {},
  journal = {},
  keyFile,
  passphraseFile,
  workers,
  logLevel,
}: Settings): ReadonlyMap<string, string> {
  const said = {
    host,
    'console-host': listeners.console?.host,
    'mqtt-port': listeners.mqtt?.port,
    'https-port': listeners.https?.port,
    'amqp-port': listeners.amqp?.port,
    'console-port': listeners.console?.port,
    'retention-bytes': journal.retentionBytes,
    'retention-days': journal.retentionDays,
    'key-file': keyFile,
    'passphrase-file': passphraseFile,
    workers,
    'log-level': logLevel,
  }
  return new Map(Object.entries(said).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as const])))
}

/** Where a hub keeps its data when nobody says: the same for the hub and for the command line that looks for it. */
export function defaultDataDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment['XDG_DATA_HOME'] || join(homedir(), '.local', 'share'), 'thingwall')
}

/** Where the root key of the hub named `hubId` is kept when nobody says: not beside the data, so that a copy of one lacks the other. */
export function defaultKeyFile(hubId: string, environment: Readonly<Record<string, string | undefined>>): string {
  return join(environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'), 'thingwall', 'keys', `${hubId}.key`)
}

function bad(flag: string, why: string): { readonly ok: false; readonly error: { readonly code: string; readonly message: string } } {
  return refuse('server/bad-option', `${flag} ${why}.`)
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path)
}

function isLogLevel(text: string): text is LogLevel {
  return text === 'debug' || text === 'info' || text === 'warn' || text === 'error'
}

function bytes(text: string): number | undefined {
  const match = /^([0-9]{1,15})([KMGT]?)$/.exec(text.toUpperCase())
  const value = match === null ? Number.NaN : Number(match[1]) * (units[match[2] ?? ''] ?? Number.NaN)
  return value >= 1024 ** 2 && Number.isSafeInteger(value) ? value : undefined
}

const dnsName = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/

function namesOf(flag: string | readonly string[] | undefined, environment: string | undefined): Result<readonly string[]> {
  const given = flag === undefined || flag.length === 0 ? (environment ?? '').split(',') : typeof flag === 'string' ? [flag] : flag
  const names = given.map((name) => name.trim().toLowerCase()).filter((name) => name !== '')
  for (const name of names)
    if (isIP(name) === 0 && !dnsName.test(name)) return bad('--name', `"${name}" is neither a DNS name nor an address`)
  return ok(names)
}

/** What the certificate must cover besides the given names: loopback always, the machine's own name, and addresses that are bound. */
function withOwnNames(given: readonly string[], host: string, consoleHost: string): readonly string[] {
  const own = hostname().toLowerCase()
  const bound = [host, consoleHost].filter((address) => address !== '0.0.0.0' && address !== '::')
  const all = [...given, 'localhost', ...(dnsName.test(own) ? [own] : []), '127.0.0.1', '::1', ...bound]
  return [...new Set(all)]
}
