import { jsonOption } from './device/options.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

const force: OptionSpec = { flag: '--force', help: 'write over a file that is there' }
const from: readonly OptionSpec[] = [
  { flag: '--from', takes: 'FILE', help: 'the root as it was exported' },
  { flag: '--passphrase-file', takes: 'FILE', help: 'the passphrase under which it was exported' },
]
const load = () => import('./pki/authorities.ts')

/** `pki ls`, `pki authorities`, `pki issuer`, `pki root`: the inventory, and authorities in the hands of operators. */
export const authorityCommands: readonly CommandSpec[] = [
  {
    name: 'ls',
    aliases: ['list'],
    summary: 'List certificates, those that end first in front',
    options: [
      { flag: '--expiring', takes: 'DAYS', help: 'only those that end within: 30d' },
      { flag: '--device', takes: 'NAME', help: 'only those of one device' },
      { flag: '--due', help: 'only those of who should have renewed and has not: two thirds of their life are over, or all of it' },
      { flag: '--all', help: 'expired and revoked ones too' },
      jsonOption,
    ],
    examples: [
      ['thingwall pki ls --expiring 30d', 'what ends within a month'],
      ['thingwall pki ls --due', 'who did not renew in time'],
      ['thingwall pki ls --json', 'for a program'],
    ],
    load: async () => (await import('./pki/certificates.ts')).certificateLs,
  },
  {
    name: 'show',
    summary: 'Show one certificate',
    arguments: [{ name: 'serial', help: 'its serial number, as `pki ls` has it' }],
    options: [{ flag: '--pem', help: 'print the certificate itself' }, jsonOption],
    examples: [['thingwall pki show 4f2c9a01', 'whose it is, and until when']],
    load: async () => (await import('./pki/certificates.ts')).certificateShow,
  },
  {
    name: 'authorities',
    summary: 'List roots and issuers, and where their keys are',
    options: [jsonOption],
    examples: [['thingwall pki authorities', 'for a person']],
    load: async () => (await load()).authorityLs,
  },
  {
    name: 'issuer',
    aliases: ['issuers'],
    summary: 'Issuers: the next one, and those that are signed elsewhere',
    about: 'The key of one that is signed elsewhere is made in this hub and never leaves; see docs/pki.md.',
    examples: [['thingwall pki issuer request --role devices --out issuer.csr.pem', 'make the request']],
    commands: [
      {
        name: 'rotate',
        summary: 'Make the next issuer now, under the root of this hub',
        options: [{ flag: '--role', takes: 'ROLE', help: 'whose certificates it issues', choices: ['devices', 'servers'] }, jsonOption],
        examples: [['thingwall pki issuer rotate --role devices', 'what was issued before stays good']],
        load: async () => (await import('./pki/issuers.ts')).issuerRotate,
      },
      {
        name: 'retire',
        summary: 'End an issuer that signs no more; refused while valid certificates rest on it',
        arguments: [{ name: 'serial', help: 'as `pki authorities` has it' }],
        options: [
          { flag: '--despite', takes: 'N', help: 'cut off this many valid certificates; their very number' },
          { flag: '--reason', takes: 'TEXT', help: 'why; kept in the audit log' },
          jsonOption,
        ],
        examples: [
          ['thingwall pki issuer retire 4f2c9a01', 'nothing rests on it any more'],
          ['thingwall pki issuer retire 4f2c9a01 --despite 12 --reason scrapped', 'and cut off who is left'],
        ],
        load: async () => (await import('./pki/issuers.ts')).issuerRetire,
      },
      {
        name: 'request',
        summary: 'Make the key of an issuer and the request for it',
        options: [
          { flag: '--role', takes: 'ROLE', help: 'whose certificates it issues', choices: ['devices', 'servers'] },
          { flag: '--out', takes: 'FILE', help: 'where the request goes; else to stdout' },
          force,
          jsonOption,
        ],
        examples: [['thingwall pki issuer request --role devices --out issuer.csr.pem', 'for devices']],
        load: async () => (await load()).issuerRequest,
      },
      {
        name: 'requests',
        summary: 'List requests that wait for their certificate',
        options: [jsonOption],
        examples: [['thingwall pki issuer requests', 'for a person']],
        load: async () => (await load()).issuerRequests,
      },
      {
        name: 'import',
        summary: 'Take the certificate that was signed elsewhere',
        arguments: [{ name: 'certificate', help: 'the issuer, PEM; what stands above it may follow in the same file' }],
        options: [
          { flag: '--chain', takes: 'FILE', help: 'what stands above it, up to the root, PEM' },
          { flag: '--root', takes: 'SHA256', help: 'fingerprint of the root at which it ends; not needed for one that is trusted already' },
          jsonOption,
        ],
        examples: [['thingwall pki issuer import issuer.pem --chain works.pem --root 4F:2A:...', 'signed by an authority of your own']],
        load: async () => (await load()).issuerImport,
      },
      {
        name: 'forget',
        summary: 'Forget a request and its key',
        arguments: [{ name: 'request', help: 'as `pki issuer requests` names it' }],
        examples: [['thingwall pki issuer forget 0123456789ab', 'nobody will sign it']],
        load: async () => (await load()).issuerForget,
      },
    ],
  },
  {
    name: 'root',
    summary: "Keep the root's key where the hub is not",
    examples: [['thingwall pki root export --out root.export.pem --passphrase-file p.txt', 'the first step']],
    commands: [
      {
        name: 'export',
        summary: 'Write the root and its key to a file, encrypted',
        options: [
          { flag: '--out', takes: 'FILE', help: 'where it goes' },
          { flag: '--passphrase-file', takes: 'FILE', help: 'a passphrase of at least 20 characters' },
          force,
        ],
        examples: [['thingwall pki root export --out root.export.pem --passphrase-file p.txt', 'export it']],
        load: async () => (await load()).rootExport,
      },
      {
        name: 'remove-key',
        summary: 'Remove the key from the hub, once its export was opened here',
        options: [...from, jsonOption],
        examples: [['thingwall pki root remove-key --from root.export.pem --passphrase-file p.txt', 'remove it']],
        load: async () => (await load()).rootRemoveKey,
      },
      {
        name: 'sign',
        summary: 'Sign the request of an issuer; needs no hub',
        arguments: [{ name: 'request', help: 'as `pki issuer request` wrote it' }],
        options: [...from, { flag: '--out', takes: 'FILE', help: 'where the issuer and the root go; else to stdout' }, force],
        examples: [['thingwall pki root sign issuer.csr.pem --from root.export.pem --passphrase-file p.txt --out chain.pem', 'sign it']],
        load: async () => (await load()).rootSign,
      },
    ],
  },
]
