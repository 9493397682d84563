/**
 * The plan of the house, bottom to top. An edge exists only if it is written here, with its reason; it may only point back
 * up this list, so a cycle cannot be written. Rooms on one floor never import each other: they meet through ports.
 */
export const house: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Floor 0: words.
  base: {},
  // Floor 1: mechanism.
  wire: { base: 'results, ids, limits' },
  store: { base: 'results, secrets, clock' },
  journal: { base: 'results, secrets, clock, limits' },
  bus: { base: 'device ids, clock' },
  // Floor 2: domain.
  vault: { base: 'results, grants, secrets, clock, random', wire: 'strict JSON', store: 'secrets and their versions' },
  broker: { base: 'clock, limits', wire: 'speaks packets and topic filters' },
  access: { base: 'grants, ids, clock, random', wire: 'topics and identities as the wire spells them', store: 'sign-in sessions' },
  pki: {
    base: 'grants, clock, random',
    wire: 'DER, certificates, CSRs',
    store: 'inventory of what was issued',
    journal: 'the words of a record',
  },
  hub: {
    base: 'grants, ids, clock, random',
    wire: 'topics, property bags',
    store: 'the registry',
    journal: 'the words of a record',
    bus: 'receipts of closed sessions',
  },
  provisioning: {
    base: 'grants, ids, clock, random, secrets',
    wire: 'certificates, tokens, strict JSON, the query language',
    store: 'enrollments, registration records',
    journal: 'the words of a record',
  },
  guard: { base: 'grants, clock', wire: 'probes speak MQTT', journal: 'the words of a record' },
  audit: { base: 'grants, clock', store: 'rows in the transaction of the change' },
  egress: {
    base: 'grants, clock, random, secrets',
    wire: 'the query language, strict JSON, property bags',
    store: 'routes, cursors, dead letters',
    journal: 'reads what has happened',
  },
  // Floor 3: doors.
  gateway: {
    base: 'clock, ids, limits',
    wire: 'packets, topics, certificates',
    journal: 'appends what was said, acknowledges what is durable',
    bus: 'hears whom to close',
    broker: 'sessions, subscriptions, retained messages',
    access: 'who may do what',
    hub: 'who is registered; stamps telemetry',
    provisioning: 'devices that register',
  },
  control: {
    base: 'grants, ids, clock, limits',
    wire: 'strict JSON, thumbprints',
    journal: 'reads records for the event stream and the timeline',
    bus: 'closes sessions, gives receipts',
    access: 'callers, roles, decisions',
    pki: 'issues, revokes, shows certificates',
    hub: 'the registry',
    guard: 'checks and their evidence',
    audit: 'shows the log',
    egress: 'routes, endpoints, dead letters',
    provisioning: 'enrollments, registration records',
    vault: 'secrets',
  },
  // Floor 4: programs.
  server: {
    base: 'wiring',
    wire: 'wiring',
    store: 'wiring',
    journal: 'wiring',
    bus: 'wiring',
    vault: 'wiring',
    broker: 'wiring',
    access: 'wiring',
    pki: 'wiring',
    hub: 'wiring',
    egress: 'wiring',
    provisioning: 'wiring',
    guard: 'wiring',
    audit: 'wiring',
    gateway: 'wiring',
    control: 'wiring',
  },
  cli: { base: 'results, ids', wire: 'strict JSON, packets of the demo', server: '`thingwall start` runs the hub in this process' },
}

/** Which floor a room lives on. */
export const floors: Readonly<Record<string, number>> = {
  base: 0,
  wire: 1,
  store: 1,
  journal: 1,
  bus: 1,
  vault: 2,
  broker: 2,
  access: 2,
  pki: 2,
  hub: 2,
  provisioning: 2,
  guard: 2,
  audit: 2,
  egress: 2,
  gateway: 3,
  control: 3,
  server: 4,
  cli: 4,
}

/** Edges that only `import()` may use: what stands behind them must not be loaded by every command. */
export const lazyEdges: readonly string[] = ['cli -> server']

/** What the folders outside `src/` may import of it, always by a door. Conformance stays a stranger: it may only speak the wire. */
export const strangers: Readonly<Record<string, readonly string[] | 'any'>> = {
  conformance: ['base', 'wire'],
  bench: 'any',
  scripts: 'any',
  test: 'any',
}

/** Modules that meet the outside: only a file whose name ends in `.io.ts` may import them. Their types meet nothing. */
export const outsideModules = /^node:(net|tls|https?|http2|dgram|dns|fs|sqlite|child_process|timers|worker_threads|cluster)(\/promises)?$/

/** What of those modules only calculates, and may be named anywhere. */
export const harmlessNames: Readonly<Record<string, readonly string[]>> = { 'node:net': ['isIP', 'isIPv4', 'isIPv6', 'BlockList'] }

/** Packages of development that a release may load by `import()` if they are there, with the room that does and why. */
export const optionalPackages: Readonly<Record<string, string>> = {
  'cli -> azure-iot-device': 'the demo runs stock SDK devices',
  'cli -> azure-iot-device-mqtt': 'the demo runs stock SDK devices',
  'pki -> pkcs11js': 'keys in tokens, where somebody has one',
}

/** What no file may say unless its name ends in `.io.ts`, and what to take instead. */
export const outside: readonly (readonly [RegExp, string])[] = [
  [/\bDate\.now\b|\bnew Date\(\)|\bset(Timeout|Interval)\(/, 'take a Clock'],
  [/\bMath\.random\b|\brandomUUID\b|\brandomBytes\b|\brandomInt\b|\bgetRandomValues\b/, 'take a Random'],
  [/\bprocess\.env\b/, 'take the config'],
]
