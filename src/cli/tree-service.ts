import { forceOption, jsonOption, outOption } from './device/options.ts'
import { roleWords } from './service/words.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const name: ArgumentSpec = { name: 'name', help: 'name of the service' }
const policyName: ArgumentSpec = { name: 'name', help: 'name of the shared access policy' }
const until: OptionSpec = { flag: '--until', takes: 'DATE', help: 'its end: a day, or a time such as 2027-01-31T12:00:00Z' }

/** `service`: back ends that may call. */
export const serviceCommands: readonly CommandSpec[] = [
  {
    name: 'service',
    aliases: ['services'],
    summary: 'Say which back ends may call, and what they may do',
    about: 'A service signs its own tokens with a key that the hub does not have. Shared access policies are for back ends that cannot.',
    examples: [
      ['thingwall service add backend --role data-reader --until 2027-01-31 --out keys', 'register one, with a key made here'],
      ['thingwall service ls', 'who may call'],
      ['thingwall service rm backend', 'end one, and what it has open'],
    ],
    commands: [
      {
        name: 'add',
        summary: 'Register a back end and print how it calls',
        about: 'Makes a P-256 key pair, writes the private key into a file (mode 0600) and registers the public one.',
        arguments: [name],
        options: [
          { flag: '--role', takes: 'ROLE', help: 'what it may do', choices: [...roleWords.keys()], repeat: true },
          until,
          { flag: '--public', takes: 'FILE', help: 'its public key, PEM or JWK, instead of a key made here' },
          outOption,
          forceOption,
          jsonOption,
        ],
        examples: [
          ['thingwall service add backend --role data-contributor --until 2027-01-31', 'everything on devices, nothing on the hub itself'],
          ['thingwall service add twins --role twin-contributor --until 2027-01-31 --public twins.pub.pem', 'its key never leaves it'],
        ],
        load: async () => (await import('./service/change.ts')).serviceAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the back ends that are registered',
        options: [jsonOption],
        examples: [
          ['thingwall service ls', 'for a person'],
          ['thingwall service ls --json', 'for a program'],
        ],
        load: async () => (await import('./service/read.ts')).serviceLs,
      },
      {
        name: 'show',
        summary: 'Show one back end',
        arguments: [name],
        options: [jsonOption],
        examples: [['thingwall service show backend', 'roles, end, and the thumbprint of its key']],
        load: async () => (await import('./service/read.ts')).serviceShow,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'End a back end: its tokens open nothing any more',
        arguments: [name],
        examples: [['thingwall service rm backend', 'what it has open is closed']],
        load: async () => (await import('./service/change.ts')).serviceRm,
      },
      {
        name: 'policy',
        aliases: ['policies'],
        summary: 'Shared access policies, while the settings allow any',
        about: 'For back ends that know only connection strings with keys: services.sharedAccessPolicies.allowedUntil in the settings.',
        examples: [['thingwall service policy ls', 'the policies, and until when there may be any']],
        commands: [
          {
            name: 'add',
            summary: 'Make a shared access policy and write its connection strings into a file',
            arguments: [policyName],
            options: [
              { flag: '--rights', takes: 'RIGHTS', help: 'RegistryRead, RegistryWrite, ServiceConnect, DeviceConnect, with commas' },
              until,
              outOption,
              forceOption,
              jsonOption,
            ],
            examples: [
              ['thingwall service policy add old-backend --rights ServiceConnect,RegistryRead --until 2027-01-31', 'shown once, in a file'],
            ],
            load: async () => (await import('./service/change.ts')).servicePolicyAdd,
          },
          {
            name: 'ls',
            aliases: ['list'],
            summary: 'List the shared access policies, without their keys',
            options: [jsonOption],
            examples: [
              ['thingwall service policy ls', 'for a person'],
              ['thingwall service policy ls --json', 'for a program'],
            ],
            load: async () => (await import('./service/read.ts')).servicePolicyLs,
          },
          {
            name: 'rm',
            aliases: ['remove'],
            summary: 'End a shared access policy: its keys open nothing any more',
            arguments: [policyName],
            examples: [['thingwall service policy rm old-backend', 'what was opened by it is closed']],
            load: async () => (await import('./service/change.ts')).servicePolicyRm,
          },
        ],
      },
    ],
  },
]
