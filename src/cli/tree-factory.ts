import { jsonOption } from './device/options.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

const passphraseFile: OptionSpec = { flag: '--passphrase-file', takes: 'FILE', help: 'its first line opens the key of the lot' }
const folder = { name: 'folder', help: 'the folder of a lot, as export wrote it' }

/** `factory`: devices made in lots, away from the hub. */
export const factoryCommands: readonly CommandSpec[] = [
  {
    name: 'factory',
    summary: 'Make devices in a factory, without the hub',
    about:
      'The hub gives a lot so many serial numbers and an issuer; a station uses them up offline; a report tells the hub. See docs/factory.md.',
    examples: [['thingwall factory lot add autumn --count 500 --expires 30d --group pumps', 'begin']],
    commands: [
      {
        name: 'lot',
        aliases: ['lots'],
        summary: 'Lots of devices, at the hub',
        examples: [['thingwall factory lot ls', 'how far they are']],
        commands: [
          {
            name: 'add',
            summary: 'Make a lot',
            arguments: [{ name: 'lot', help: 'its name: lower-case letters, digits and hyphens' }],
            options: [
              { flag: '--count', takes: 'N', help: 'how many devices' },
              { flag: '--expires', takes: 'TIME', help: 'how long the station may make them: 48h, 30d', default: '30d' },
              { flag: '--shelf', takes: 'TIME', help: 'how long after that they may still register', default: '180d' },
              { flag: '--group', takes: 'GROUP', help: 'enrollment group; made if there is none', default: 'as the lot' },
              { flag: '--names', takes: 'PATTERN', help: 'their names, with {serial} in it', default: 'LOT-{serial}' },
              { flag: '--strict', help: 'a device registers only after the ledger was reported' },
              jsonOption,
            ],
            examples: [
              ['thingwall factory lot add autumn --count 500 --expires 30d --group pumps', 'five hundred pumps'],
              [
                "thingwall factory lot add autumn --count 500 --names 'pump-{serial}' --strict",
                'with names of your own, and the strict way',
              ],
            ],
            load: async () => (await import('./factory/lots.ts')).lotAdd,
          },
          {
            name: 'ls',
            aliases: ['list'],
            summary: 'List the lots and how far they are',
            options: [jsonOption],
            examples: [['thingwall factory lot ls', 'for a person']],
            load: async () => (await import('./factory/lots.ts')).lotLs,
          },
          {
            name: 'revoke',
            summary: 'Revoke a lot: its issuer, and every device known of it',
            arguments: [{ name: 'lot', help: 'its name' }],
            examples: [['thingwall factory lot revoke autumn', 'after a theft']],
            load: async () => (await import('./factory/lots.ts')).lotRevoke,
          },
        ],
      },
      {
        name: 'export',
        summary: 'Write the folder of a lot for a station, once',
        arguments: [{ name: 'lot', help: 'its name' }],
        options: [{ flag: '--out', takes: 'FOLDER', help: 'where', default: 'as the lot' }, passphraseFile],
        examples: [['thingwall factory export autumn --out autumn --passphrase-file phrase.txt', 'the key is made here and sealed']],
        load: async () => (await import('./factory/lots.ts')).factoryExport,
      },
      {
        name: 'make',
        summary: 'Make devices of a lot, without a hub',
        about: 'Each is written down before it is given out. Prints CSV: registration id, fingerprint, serial number, text of the label.',
        arguments: [folder],
        options: [
          { flag: '--serial', takes: 'SN', help: 'one device, with this serial number of yours' },
          { flag: '--from', takes: 'FILE', help: 'many: a CSV file, its first column' },
          { flag: '--csr', takes: 'FILE', help: 'for a key that the device made' },
          { flag: '--out', takes: 'FOLDER', help: 'where certificates, keys and labels go', default: 'FOLDER/devices' },
          { flag: '--qr', help: 'show the label on the terminal as well' },
          passphraseFile,
        ],
        examples: [
          ['thingwall factory make autumn --serial 0007 --passphrase-file phrase.txt', 'one'],
          ['thingwall factory make autumn --from serials.csv --passphrase-file phrase.txt', 'a day of them'],
        ],
        load: async () => (await import('./factory/make.ts')).factoryMake,
      },
      {
        name: 'dry-run',
        summary: 'Say why the hub would refuse a device of a lot, check by check',
        arguments: [folder, { name: 'certificate', help: 'PEM or DER' }],
        options: [jsonOption],
        examples: [['thingwall factory dry-run autumn autumn/devices/autumn-0007.cert.pem', 'exit 1 when it would']],
        load: async () => (await import('./factory/make.ts')).factoryDryRun,
      },
      {
        name: 'report',
        summary: "Take a station's ledger to the hub",
        about: 'May be repeated. Exit 1 when something was made that should not have been.',
        arguments: [folder],
        options: [{ flag: '--lot', takes: 'LOT', help: 'its name', default: 'as lot.json says' }, jsonOption],
        examples: [['thingwall factory report autumn', 'every day, or at the end']],
        load: async () => (await import('./factory/lots.ts')).factoryReport,
      },
    ],
  },
]
