import { forceOption, jsonOption, outOption, sdks } from './device/options.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const device: ArgumentSpec = { name: 'name', help: 'name of the device' }
const ifMatch: OptionSpec = { flag: '--if-match', takes: 'ETAG', help: 'only if the device was not changed since it had this etag' }
const thumbprint: OptionSpec = {
  flag: '--thumbprint',
  takes: 'HEX',
  repeat: true,
  help: "SHA-256 of the device's own self-signed certificate; twice for a primary and a secondary",
}
const reason: OptionSpec = { flag: '--reason', takes: 'TEXT', help: 'kept with the device and in the audit log' }

/** The noun `device`. */
export const deviceCommands: readonly CommandSpec[] = [
  {
    name: 'device',
    aliases: ['devices'],
    summary: 'Add, show and change devices',
    examples: [
      ['thingwall device add pump-1', 'add one'],
      ['thingwall device ls', 'list them'],
      ['thingwall device disable pump-1', 'refuse it from now on'],
    ],
    commands: [
      {
        name: 'add',
        summary: 'Add one device, or many',
        about:
          'Writes NAME.cert.pem (leaf, then issuers), NAME.key.pem (mode 0600) and root.pem, and prints programs that connect with them. With --csr the key never leaves the device. A key is never overwritten without --force.',
        arguments: [{ ...device, optional: true }],
        options: [
          outOption,
          { flag: '--csr', takes: 'FILE', help: 'certificate signing request (PEM) for a key that the device has' },
          thumbprint,
          {
            flag: '--auth',
            takes: 'METHOD',
            choices: ['x509', 'sas'],
            help: 'how it proves itself; sas prints a connection string once, and works only while the settings allow it',
            default: 'x509',
          },
          {
            flag: '--sdk',
            takes: 'SDK',
            repeat: true,
            choices: sdks,
            help: `program to print: ${sdks.join(', ')}; may be given many times`,
            default: 'node and mosquitto',
          },
          { flag: '--count', takes: 'N', help: 'add so many devices; needs --prefix and --out' },
          { flag: '--prefix', takes: 'P', help: 'beginning of their names' },
          { flag: '--start', takes: 'N', help: 'number of the first', default: '1' },
          {
            flag: '--csv',
            takes: 'FILE',
            help: 'add the devices of a list with the header id or id,primaryThumbprint,secondaryThumbprint; needs --out',
          },
          forceOption,
          jsonOption,
        ],
        examples: [
          ['thingwall device add pump-1', 'key and certificate into this directory'],
          ['thingwall device add pump-1 --out ./keys --sdk python', 'elsewhere, with a Python program'],
          ['thingwall device add pump-2 --csr pump-2.csr', 'for a key that stays on the device'],
          ['thingwall device add --count 100 --prefix pump- --out ./keys', 'a hundred at once'],
        ],
        load: async () => (await import('./device/add.ts')).deviceAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List devices',
        options: [
          jsonOption,
          { flag: '--search', takes: 'TEXT', help: 'only names that hold this' },
          { flag: '--status', takes: 'STATUS', help: 'only these', choices: ['enabled', 'disabled'] },
          { flag: '--limit', takes: 'N', help: 'at most so many' },
        ],
        examples: [
          ['thingwall device ls', 'all of them'],
          ['thingwall device ls --search pump --status disabled', 'some of them'],
        ],
        load: async () => (await import('./device/read.ts')).deviceList,
      },
      {
        name: 'show',
        summary: 'Show one device with its connections and certificates',
        arguments: [device],
        options: [jsonOption],
        examples: [
          ['thingwall device show pump-1', 'for a person'],
          ['thingwall device show pump-1 --json', 'for a program'],
        ],
        load: async () => (await import('./device/read.ts')).deviceShow,
      },
      {
        name: 'set',
        summary: 'Change status or credentials of a device',
        about: 'Its sessions end at once when the change takes a right away.',
        arguments: [device],
        options: [
          { flag: '--status', takes: 'STATUS', help: 'new status', choices: ['enabled', 'disabled'] },
          reason,
          thumbprint,
          { flag: '--issued', help: 'prove itself by a certificate of this hub again' },
          ifMatch,
          jsonOption,
        ],
        examples: [
          ['thingwall device set pump-1 --status disabled --reason "under repair"', 'refuse it'],
          ['thingwall device set pump-1 --issued', 'from thumbprint to a certificate of this hub'],
        ],
        load: async () => (await import('./device/change.ts')).deviceSet,
      },
      {
        name: 'enable',
        summary: 'Let a device connect again',
        arguments: [device],
        options: [ifMatch, jsonOption],
        examples: [['thingwall device enable pump-1', 'enable']],
        load: async () => (await import('./device/change.ts')).deviceEnable,
      },
      {
        name: 'disable',
        summary: 'Refuse a device and end its sessions now',
        arguments: [device],
        options: [reason, ifMatch, jsonOption],
        examples: [['thingwall device disable pump-1 --reason "under repair"', 'disable']],
        load: async () => (await import('./device/change.ts')).deviceDisable,
      },
      {
        name: 'rm',
        aliases: ['delete', 'remove'],
        summary: 'Delete devices and end their sessions now',
        arguments: [{ ...device, many: true }],
        options: [ifMatch, jsonOption],
        examples: [
          ['thingwall device rm pump-1', 'one'],
          ['thingwall device rm pump-1 pump-2', 'two'],
        ],
        load: async () => (await import('./device/change.ts')).deviceRemove,
      },
      {
        name: 'certs',
        summary: 'List the certificates that were issued to a device',
        arguments: [device],
        options: [jsonOption],
        examples: [['thingwall device certs pump-1', 'valid, expired and revoked ones']],
        load: async () => (await import('./device/read.ts')).deviceCertificates,
      },
      {
        name: 'renew',
        summary: 'Issue a fresh certificate to a device',
        about:
          'For a new key, or with --csr for the key that the device has. The old certificate stays good until it expires or is revoked.',
        arguments: [device],
        options: [
          outOption,
          { flag: '--csr', takes: 'FILE', help: 'certificate signing request (PEM) for the key that the device has' },
          forceOption,
          jsonOption,
        ],
        examples: [
          ['thingwall device renew pump-1 --force', 'new key and certificate in place of the old files'],
          ['thingwall device renew pump-1 --csr pump-1.csr --force', 'new certificate, same key'],
        ],
        load: async () => (await import('./device/change.ts')).deviceRenew,
      },
      {
        name: 'explain',
        summary: 'Tell whether a device may do something, and why',
        arguments: [
          device,
          { name: 'action', help: 'what it would do', choices: ['connect', 'publish', 'subscribe'] },
          { name: 'topic', help: 'topic name, or topic filter for subscribe', optional: true },
        ],
        options: [jsonOption, { flag: '--exit-code', help: 'exit 3 when denied' }],
        examples: [['thingwall device explain pump-1 publish plant/other/x', 'the same as thingwall explain']],
        load: async () => (await import('./commands/explain.ts')).explain,
      },
      {
        name: 'watch',
        summary: 'Show what one device says and does as it happens',
        arguments: [device],
        options: [
          { flag: '--json', help: 'print one JSON object a line' },
          { flag: '--from', takes: 'WHERE', help: 'now, start, or the offset of a fact', default: 'now, or start with --until end' },
          { flag: '--until', takes: 'WHERE', help: 'end: stop after the last fact that is there now', choices: ['end'] },
          { flag: '--kind', takes: 'KIND', help: 'only this kind' },
        ],
        examples: [['thingwall device watch pump-1', 'the same as thingwall watch --device pump-1']],
        load: async () => (await import('./watch/watch.ts')).deviceWatch,
      },
    ],
  },
]
