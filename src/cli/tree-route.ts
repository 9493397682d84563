import { jsonOption } from './device/options.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const sources = [
  'DeviceMessages',
  'MqttBrokerMessages',
  'TwinChangeEvents',
  'DeviceLifecycleEvents',
  'DeviceConnectionStateEvents',
  'DeviceJobLifecycleEvents',
] as const
const name: ArgumentSpec = { name: 'name', help: 'name of the route' }
const endpointName: ArgumentSpec = { name: 'name', help: 'name of the endpoint' }
const letterId: ArgumentSpec = { name: 'id', help: 'id of the dead letter' }
const to: OptionSpec = { flag: '--to', takes: 'ENDPOINT', help: 'the endpoint; events is the built-in one' }
const where: OptionSpec = { flag: '--where', takes: 'CONDITION', help: 'only events that this is true of (docs/routes.md)' }
const source: OptionSpec = {
  flag: '--source',
  takes: 'SOURCE',
  help: 'where events come from',
  choices: sources,
  default: 'DeviceMessages',
}
const letterEndpoint: OptionSpec = { flag: '--endpoint', takes: 'NAME', help: 'those of this endpoint' }

/** `route`, `endpoint` and `dead-letter`. */
export const routeCommands: readonly CommandSpec[] = [
  {
    name: 'route',
    aliases: ['routes'],
    summary: 'Say where telemetry and what happens to devices go',
    about: 'An event goes once to every endpoint that a route names for it. Devices never wait for any of it.',
    examples: [
      ['thingwall route add hot --to lake --where "level = \'hot\'"', 'messages whose property says so'],
      ['thingwall route test --property level=hot', 'which routes a message would take'],
      ['thingwall route watch', 'how far each endpoint is behind'],
    ],
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the routes in force and what they add to events',
        options: [jsonOption],
        examples: [
          ['thingwall route ls', 'for a person'],
          ['thingwall route ls --json', 'for a program'],
        ],
        load: async () => (await import('./route/route.ts')).routeLs,
      },
      {
        name: 'add',
        summary: 'Add a route; it holds for what happens from now on',
        arguments: [name],
        options: [to, source, where, { flag: '--off', help: 'do not use it yet' }],
        examples: [
          ['thingwall route add all --to lake', 'every message of every device'],
          ['thingwall route add twins --to hook --source TwinChangeEvents', 'changes of twins'],
        ],
        load: async () => (await import('./route/route.ts')).routeAdd,
      },
      {
        name: 'set',
        summary: 'Change a route',
        arguments: [name],
        options: [
          to,
          { flag: '--source', takes: 'SOURCE', help: 'where events come from', choices: sources },
          where,
          { flag: '--on', help: 'use it' },
          { flag: '--off', help: 'do not use it' },
        ],
        examples: [['thingwall route set hot --where "AS_NUMBER(t) > 70"', 'another condition']],
        load: async () => (await import('./route/route.ts')).routeSetTo,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'Remove a route',
        arguments: [name],
        examples: [['thingwall route rm hot', 'what it has sent on its way is delivered']],
        load: async () => (await import('./route/route.ts')).routeRm,
      },
      {
        name: 'test',
        summary: 'Try a message, with a condition or with all routes; nothing is sent',
        about: 'Exit 1 when it does not match, or goes nowhere. A device that is registered is tried with its twin.',
        options: [
          where,
          source,
          { flag: '--device', takes: 'NAME', help: 'the sender' },
          { flag: '--property', takes: 'NAME=VALUE', help: 'a property of the message', repeat: true },
          { flag: '--body', takes: 'TEXT', help: 'its body, taken for JSON' },
          { flag: '--body-file', takes: 'FILE', help: 'its body, from a file' },
          jsonOption,
        ],
        examples: [
          ['thingwall route test --where "$body.t > 20" --body \'{"t":21}\'', 'one condition'],
          ['thingwall route test --device pump-1 --property level=hot', 'the routes in force'],
        ],
        load: async () => (await import('./route/test.ts')).routeTest,
      },
      {
        name: 'watch',
        summary: 'Show every second how far each endpoint is',
        options: [jsonOption],
        examples: [['thingwall route watch', 'until Ctrl-C']],
        load: async () => (await import('./route/endpoint.ts')).routeWatch,
      },
      {
        name: 'import',
        summary: 'Make endpoints, routes and enrichments as an export of a hub has them',
        about: 'Shows first what it would do. What the export does not name stays; secrets are not part of it.',
        arguments: [{ name: 'directory', help: 'where "thingwall export" wrote routes.jsonl' }],
        options: [{ flag: '--dry-run', help: 'only show what would be done' }, { flag: '--yes', help: 'do not ask' }, jsonOption],
        examples: [['thingwall route import ./copy --dry-run', 'look first']],
        load: async () => (await import('./route/import.ts')).routeImport,
      },
      {
        name: 'fallback',
        summary: 'Say whether messages that no route matches go to the built-in endpoint',
        arguments: [{ name: 'state', help: 'on or off', choices: ['on', 'off'] }],
        examples: [['thingwall route fallback off', 'they go nowhere']],
        load: async () => (await import('./route/route.ts')).routeFallback,
      },
      {
        name: 'enrich',
        summary: 'Add a property to events on their way to an endpoint',
        arguments: [
          { name: 'key', help: 'its name' },
          { name: 'value', help: 'a text, $iothubname, or a path such as $twin.tags.site' },
        ],
        options: [{ ...to, repeat: true }],
        examples: [["thingwall route enrich site '$twin.tags.site' --to lake", 'from the twin of the sender']],
        load: async () => (await import('./route/route.ts')).routeEnrich,
      },
      {
        name: 'unenrich',
        summary: 'Add a property no more',
        arguments: [{ name: 'key', help: 'its name' }],
        examples: [['thingwall route unenrich site', 'from now on']],
        load: async () => (await import('./route/route.ts')).routeUnenrich,
      },
    ],
  },
  {
    name: 'endpoint',
    aliases: ['endpoints'],
    summary: 'Where routes deliver to',
    about:
      'Each has an identity, a scope and a place of its own. Its secrets are files below secrets/NAME of the data directory (docs/routes.md).',
    examples: [
      ['thingwall endpoint add lake --kind file', 'files below the data directory'],
      ['thingwall endpoint ls', 'how each does'],
    ],
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the endpoints, how each does and how far it is behind',
        options: [jsonOption],
        examples: [
          ['thingwall endpoint ls', 'for a person'],
          ['thingwall endpoint ls --json', 'for a program'],
        ],
        load: async () => (await import('./route/endpoint.ts')).endpointLs,
      },
      {
        name: 'add',
        summary: 'Make an endpoint',
        arguments: [endpointName],
        options: [
          { flag: '--kind', takes: 'KIND', help: 'file, webhook, mqtt and others (docs/routes.md)' },
          { flag: '--settings', takes: 'FILE', help: 'JSON with the settings of its kind' },
          { flag: '--source', takes: 'SOURCE', help: 'what it may receive, whatever routes say', choices: sources, repeat: true },
          { flag: '--where', takes: 'CONDITION', help: 'of every event that it may receive, whatever routes say' },
          jsonOption,
        ],
        examples: [
          ['thingwall endpoint add lake --kind file', 'JSON lines, a new file every five minutes'],
          ['thingwall endpoint add hook --kind webhook --settings hook.json --source TwinChangeEvents', 'one that never gets telemetry'],
        ],
        load: async () => (await import('./route/endpoint.ts')).endpointAdd,
      },
      {
        name: 'set',
        aliases: ['update'],
        summary: 'Change an endpoint; what waits for it goes on from its place',
        arguments: [endpointName],
        options: [
          { flag: '--settings', takes: 'FILE', help: 'JSON with all its settings, in place of those it has' },
          {
            flag: '--source',
            takes: 'SOURCE',
            help: 'what it may receive from now on, whatever routes say',
            choices: sources,
            repeat: true,
          },
          { flag: '--where', takes: 'CONDITION', help: "of every event that it may receive from now on; '' for all" },
          jsonOption,
        ],
        examples: [['thingwall endpoint set hook --settings hook.json', 'another address; nothing is lost meanwhile']],
        load: async () => (await import('./route/endpoint.ts')).endpointSet,
      },
      {
        name: 'show',
        summary: 'Show one endpoint with its settings',
        arguments: [endpointName],
        options: [jsonOption],
        examples: [['thingwall endpoint show lake', 'how it does, and why not better']],
        load: async () => (await import('./route/endpoint.ts')).endpointShow,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'End an endpoint that no route names, with its place and its dead letters',
        arguments: [endpointName],
        examples: [['thingwall endpoint rm lake', 'what it has delivered stays where it is']],
        load: async () => (await import('./route/endpoint.ts')).endpointRm,
      },
    ],
  },
  {
    name: 'dead-letter',
    aliases: ['dead-letters'],
    summary: 'Events that endpoints would not take, or did not take within a day',
    examples: [
      ['thingwall dead-letter ls', 'what there is, and why'],
      ['thingwall dead-letter replay --endpoint hook', 'try all of an endpoint again'],
    ],
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List dead letters with their reasons, oldest first',
        options: [letterEndpoint, jsonOption],
        examples: [['thingwall dead-letter ls --endpoint hook', 'those of one endpoint']],
        load: async () => (await import('./route/dead-letter.ts')).deadLetterLs,
      },
      {
        name: 'show',
        summary: 'Print one dead letter with its event, as JSON',
        arguments: [letterId],
        options: [jsonOption],
        examples: [['thingwall dead-letter show 7', 'what it was']],
        load: async () => (await import('./route/dead-letter.ts')).deadLetterShow,
      },
      {
        name: 'replay',
        summary: 'Try again, each once; what is not taken stays with the new reason',
        arguments: [{ ...letterId, optional: true }],
        options: [letterEndpoint],
        examples: [['thingwall dead-letter replay 7', 'one']],
        load: async () => (await import('./route/dead-letter.ts')).deadLetterReplay,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'Throw away',
        arguments: [{ ...letterId, optional: true }],
        options: [letterEndpoint],
        examples: [['thingwall dead-letter rm --endpoint hook', 'all of an endpoint']],
        load: async () => (await import('./route/dead-letter.ts')).deadLetterRm,
      },
    ],
  },
]
