import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'

/** Moving in and out. */
export const transferCommands: readonly CommandSpec[] = [
  {
    name: 'import',
    summary: 'Move in from elsewhere',
    examples: [['thingwall import azure ./export --dry-run', 'what an export of IoT Hub would do here']],
    commands: [
      {
        name: 'azure',
        summary: 'Take over devices, modules, twins, configurations and enrollments of Azure IoT Hub',
        about:
          'Reads devices.txt, configurations.txt, enrollments.json and enrollment-groups.json of a directory; an export of this hub too. Shows what each line would do before anything is done. Run again after a break, it does what is missing. Exit 1 when a line is refused.',
        arguments: [{ name: 'directory', help: 'where the files are' }],
        options: [
          { flag: '--dry-run', help: 'only show what would be done' },
          { flag: '--yes', help: 'do not ask' },
          { flag: '--plan', takes: 'FILE', help: 'write the whole plan into a new file, one JSON object a line' },
          jsonOption,
        ],
        examples: [
          ['thingwall import azure ./export --dry-run --plan plan.jsonl', 'look first'],
          ['thingwall import azure ./export --yes', 'and do it'],
        ],
        load: async () => (await import('./transfer/import.ts')).importAzure,
      },
    ],
  },
  {
    name: 'container',
    summary: 'Containers for imports and exports that service SDKs ask for',
    examples: [['thingwall container add', 'one for an hour']],
    commands: [
      {
        name: 'add',
        summary: 'Make a container and print its address, which is the right to it',
        about:
          'exportDevicesToBlob and importDevicesFromBlob of the service SDKs take the address, and so does any client of Azure Blob storage. It lives for hours and holds a few files of 16 MiB; for more there is "thingwall export".',
        options: [{ flag: '--hours', takes: 'N', help: 'how long it lives: 1 to 24', default: '1' }, jsonOption],
        examples: [['thingwall container add --hours 2', 'for two hours']],
        load: async () => (await import('./transfer/container.ts')).containerAdd,
      },
    ],
  },
  {
    name: 'export',
    summary: 'Write everything that the hub was told into a directory',
    about:
      'Devices, modules, twins, configurations, enrollments, policies and routes as JSON lines, and a manifest with counts and SHA-256. "thingwall import azure" reads it again.',
    arguments: [{ name: 'directory', help: 'a new directory' }],
    options: [{ flag: '--with-keys', help: 'shared keys too, in a file of their own with mode 0600' }, jsonOption],
    examples: [
      ['thingwall export ./copy', 'without keys'],
      ['thingwall export ./copy --with-keys', 'to move to another hub'],
    ],
    load: async () => (await import('./transfer/export.ts')).exportAll,
  },
]
