import { jsonOption } from './device/options.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const name: ArgumentSpec = { name: 'name', help: 'name of the secret: letters, digits and hyphens' }
const principal: ArgumentSpec = { name: 'principal', help: 'operator:NAME, service:NAME, role:NAME or endpoint:NAME; * is every name' }
const secrets: ArgumentSpec = { name: 'secrets', help: 'one secret, or the beginning of names and *' }
const version: OptionSpec = { flag: '--at', takes: 'VERSION', help: 'this version instead of the newest' }
const attributes: readonly OptionSpec[] = [
  { flag: '--content-type', takes: 'TYPE', help: 'what the value is, for whoever reads it' },
  { flag: '--tag', takes: 'NAME=VALUE', help: 'a tag', repeat: true },
  { flag: '--expires', takes: 'DATE', help: 'when the value should not be used any more' },
  { flag: '--not-before', takes: 'DATE', help: 'when the value begins to be used' },
]

/** `secret`: secrets with versions, and who may do what with them. */
export const secretCommands: readonly CommandSpec[] = [
  {
    name: 'secret',
    aliases: ['secrets'],
    summary: 'Keep secrets, rotate them, and say who may read them',
    about:
      'Values are encrypted at rest, each under a key of its own. What no rule of access gives is denied, and every read is in the audit log.',
    examples: [
      ['thingwall secret add db-password --from-file password.txt', 'keep one'],
      ['thingwall secret access add service:backend db-password get', 'let a back end read it'],
      ['thingwall secret rotate db-password --every 30', 'a new value every 30 days'],
    ],
    commands: [
      {
        name: 'add',
        summary: 'Keep a value, read from stdin or a file: a new secret, or a new version of one',
        about: 'Never an argument: whoever can list processes could read it.',
        arguments: [name],
        options: [
          { flag: '--from-file', takes: 'FILE', help: 'the file with the value', default: 'stdin' },
          { flag: '--binary', help: 'keep a line end at the end of the value' },
          ...attributes,
          jsonOption,
        ],
        examples: [
          ['thingwall secret add db-password < password.txt', 'from stdin'],
          ['thingwall secret add db-password --from-file password.txt --expires 2027-01-31', 'with an end'],
        ],
        load: async () => (await import('./secret/change.ts')).secretAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the secrets, without values',
        options: [{ flag: '--deleted', help: 'those that were deleted and can be recovered' }, jsonOption],
        examples: [
          ['thingwall secret ls', 'what there is'],
          ['thingwall secret ls --deleted', 'what can be recovered'],
        ],
        load: async () => (await import('./secret/read.ts')).secretLs,
      },
      {
        name: 'show',
        summary: 'Show a secret without its value',
        arguments: [name],
        options: [jsonOption],
        examples: [['thingwall secret show db-password', 'version, times, rotation']],
        load: async () => (await import('./secret/read.ts')).secretShow,
      },
      {
        name: 'get',
        summary: 'Print the value of a secret to stdout, byte for byte',
        arguments: [name],
        options: [version, { flag: '--reveal', help: 'print it on a terminal too, which keeps what it shows' }],
        examples: [['thingwall secret get db-password > password.txt', 'into a file']],
        load: async () => (await import('./secret/read.ts')).secretGet,
      },
      {
        name: 'set',
        summary: 'Change what is said of a version; its value never changes',
        arguments: [name],
        options: [version, { flag: '--enable', help: 'it can be read' }, { flag: '--disable', help: 'it cannot be read' }, ...attributes],
        examples: [['thingwall secret set db-password --expires 2027-01-31', 'give it an end']],
        load: async () => (await import('./secret/change.ts')).secretSet,
      },
      {
        name: 'rotate',
        summary: 'Make a new value now, or say when that is to happen',
        about: 'The version before stays enabled for the overlap, so nobody who still has it is locked out at once.',
        arguments: [name],
        options: [
          { flag: '--every', takes: 'DAYS', help: 'a new value every so many days' },
          { flag: '--before-expiry', takes: 'DAYS', help: 'a new value so many days before the end of the newest' },
          { flag: '--overlap', takes: 'HOURS', help: 'how long the version before stays enabled', default: '24' },
          { flag: '--bytes', takes: 'COUNT', help: 'random bytes of a value', default: '32' },
          { flag: '--encoding', takes: 'FORM', help: 'how they are written', choices: ['base64url', 'hex'], default: 'base64url' },
          { flag: '--tell-only', help: 'make no value: only tell that it is due' },
          { flag: '--never', help: 'no more' },
        ],
        examples: [
          ['thingwall secret rotate db-password --every 30 --overlap 48', 'from now on'],
          ['thingwall secret rotate db-password', 'now, by what was said before'],
        ],
        load: async () => (await import('./secret/change.ts')).secretRotate,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'Delete a secret; for 90 days it can be recovered',
        arguments: [name],
        examples: [['thingwall secret rm db-password', 'nobody reads it any more']],
        load: async () => (await import('./secret/change.ts')).secretRm,
      },
      {
        name: 'recover',
        summary: 'Take a deletion back',
        arguments: [name],
        examples: [['thingwall secret recover db-password', 'with all of its versions']],
        load: async () => (await import('./secret/change.ts')).secretRecover,
      },
      {
        name: 'purge',
        summary: 'End a deleted secret for good',
        arguments: [name],
        options: [{ flag: '--yes', help: 'do not ask' }],
        examples: [['thingwall secret purge db-password --yes', 'with all of its versions']],
        load: async () => (await import('./secret/change.ts')).secretPurge,
      },
      {
        name: 'access',
        summary: 'Who may do what with which secrets',
        examples: [['thingwall secret access ls', 'every rule']],
        commands: [
          {
            name: 'add',
            summary: 'Put a rule in force',
            arguments: [principal, secrets, { name: 'rights', help: 'get, list, set, delete, rotate, purge, backup, with commas' }],
            examples: [
              ['thingwall secret access add service:backend db-password get', 'one secret'],
              ['thingwall secret access add endpoint:orders orders-* get', 'what an endpoint of routes needs'],
            ],
            load: async () => (await import('./secret/access.ts')).accessAdd,
          },
          {
            name: 'ls',
            aliases: ['list'],
            summary: 'List the rules',
            options: [jsonOption],
            examples: [['thingwall secret access ls', 'for a person']],
            load: async () => (await import('./secret/access.ts')).accessLs,
          },
          {
            name: 'rm',
            aliases: ['remove'],
            summary: 'Take a rule away',
            arguments: [principal, secrets],
            examples: [['thingwall secret access rm service:backend db-password', 'it reads no more']],
            load: async () => (await import('./secret/access.ts')).accessRm,
          },
        ],
      },
    ],
  },
]
