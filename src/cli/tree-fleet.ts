import { forceOption, jsonOption } from './device/options.ts'
import { methodOptions } from './tree-twin.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const jobId: ArgumentSpec = { name: 'id', help: 'id of the job' }
const configurationId: ArgumentSpec = { name: 'id', help: 'id of the configuration' }
const module: ArgumentSpec = { name: 'name', help: 'device/module' }
const fileName: ArgumentSpec = { name: 'name', help: 'name of the file, as file ls prints it' }
const ifMatch: OptionSpec = { flag: '--if-match', takes: 'ETAG', help: 'only if it was not changed since it had this etag' }
const where: OptionSpec = { flag: '--where', takes: 'CONDITION', help: `WHERE of a query, for example "tags.site = 'north'"; * is all` }
const limit: OptionSpec = { flag: '--limit', takes: 'N', help: 'at most so many' }

/** What a configuration says besides what it sets. */
const changes: readonly OptionSpec[] = [
  { ...where, help: `whom it is for: WHERE of a query, for example "tags.site = 'north'"` },
  { flag: '--priority', takes: 'N', help: 'the highest wins where two set the same' },
  { flag: '--label', takes: 'NAME=VALUE', help: 'a label', repeat: true },
  { flag: '--metric', takes: 'NAME=QUERY', help: 'a query whose rows are counted', repeat: true },
]

/** The nouns of many devices: `query`, `job`, `configuration`, `module`, `file`. */
export const fleetCommands: readonly CommandSpec[] = [
  {
    name: 'query',
    summary: 'Ask devices, modules and jobs in the query language of Azure IoT Hub',
    about: 'Follows pages to the end. Of whole twins a table shows what tells most; --json has everything.',
    arguments: [{ name: 'query', help: 'for example "SELECT * FROM devices"' }],
    options: [jsonOption, limit],
    examples: [
      [`thingwall query "SELECT deviceId, tags.site FROM devices WHERE connectionState = 'Connected'"`, 'who is connected, and where'],
      ['thingwall query "SELECT status, COUNT() AS devices FROM devices GROUP BY status"', 'how many of each'],
      ['thingwall query "SELECT * FROM devices" --json', 'every twin'],
    ],
    load: async () => (await import('./fleet/query.ts')).query,
  },
  {
    name: 'job',
    aliases: ['jobs'],
    summary: 'Call a method or change twins on many devices',
    examples: [
      ['thingwall job add --method reboot --where "*" --watch', 'now, with progress'],
      ['thingwall job ls', 'what was done lately'],
    ],
    commands: [
      {
        name: 'add',
        summary: 'Make a job',
        about:
          'Either --method, or desired.KEY=VALUE, tags.KEY=VALUE or --file. It goes on when this command ends, and after a restart of the hub.',
        arguments: [{ name: 'assignment', help: 'desired.KEY=VALUE or tags.KEY=VALUE', optional: true, many: true }],
        options: [
          where,
          { flag: '--method', takes: 'NAME', help: 'direct method to call' },
          ...methodOptions,
          { flag: '--file', takes: 'FILE', help: 'JSON with tags, desired or both, to merge into twins; - is stdin' },
          { flag: '--id', takes: 'ID', help: 'its id', default: 'made by the hub' },
          { flag: '--at', takes: 'TIME', help: 'when it starts', default: 'now' },
          { flag: '--max-seconds', takes: 'N', help: 'how long it may take', default: '3600' },
          { flag: '--watch', help: 'show its progress until it ends' },
          jsonOption,
        ],
        examples: [
          [`thingwall job add --method reboot --where "tags.site = 'north'" --watch`, 'a method'],
          ['thingwall job add desired.interval=5 --where "*" --at 2027-01-31T02:00:00Z', 'twins, at night'],
        ],
        load: async () => (await import('./fleet/job-change.ts')).jobAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List jobs of the last 30 days, newest first',
        options: [
          jsonOption,
          {
            flag: '--status',
            takes: 'STATUS',
            help: 'only these',
            choices: ['scheduled', 'queued', 'running', 'completed', 'failed', 'cancelled'],
          },
          { flag: '--type', takes: 'TYPE', help: 'only these', choices: ['method', 'twin'] },
          { ...limit, default: '50' },
        ],
        examples: [['thingwall job ls --status running', 'what is under way']],
        load: async () => (await import('./fleet/job-read.ts')).jobLs,
      },
      {
        name: 'show',
        summary: 'Show one job and what it did to each device',
        arguments: [jobId],
        options: [
          jsonOption,
          {
            flag: '--status',
            takes: 'STATUS',
            help: 'only devices in this state',
            choices: ['pending', 'running', 'completed', 'failed', 'canceled'],
          },
        ],
        examples: [['thingwall job show reboot-1 --status failed', 'where it failed, and why']],
        load: async () => (await import('./fleet/job-read.ts')).jobShow,
      },
      {
        name: 'watch',
        summary: 'Show the progress of a job until it ends',
        about: 'Exit 1 when it failed, or failed at a device.',
        arguments: [jobId],
        options: [jsonOption],
        examples: [['thingwall job watch reboot-1', 'until it ends']],
        load: async () => (await import('./fleet/job-watch.ts')).jobWatch,
      },
      {
        name: 'rm',
        aliases: ['cancel'],
        summary: 'Cancel a job: what has not begun is left out',
        arguments: [jobId],
        options: [jsonOption],
        examples: [['thingwall job rm reboot-1', 'cancel']],
        load: async () => (await import('./fleet/job-change.ts')).jobRemove,
      },
    ],
  },
  {
    name: 'configuration',
    aliases: ['configurations'],
    summary: 'Set desired properties of all devices that a condition is true of, now and later',
    examples: [['thingwall configuration ls', 'what is set where']],
    commands: [
      {
        name: 'add',
        summary: 'Make a configuration of a JSON file',
        about:
          "With id, content, targetCondition, priority, labels and metrics; files of Azure's tools are read as well. Options stand in for members of the file.",
        arguments: [{ name: 'file', help: 'the file; - is stdin' }],
        options: [...changes, jsonOption],
        examples: [['thingwall configuration add interval.json --priority 10', 'make and begin to apply it']],
        load: async () => (await import('./fleet/configuration.ts')).configurationAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List configurations with what was counted last',
        options: [jsonOption],
        examples: [['thingwall configuration ls', 'all of them']],
        load: async () => (await import('./fleet/configuration.ts')).configurationLs,
      },
      {
        name: 'show',
        summary: 'Show one configuration',
        arguments: [configurationId],
        options: [jsonOption, { flag: '--targets', help: 'and whom it is for' }],
        examples: [['thingwall configuration show interval --targets', 'and each device']],
        load: async () => (await import('./fleet/configuration.ts')).configurationShow,
      },
      {
        name: 'set',
        summary: 'Change condition, priority, labels or metrics',
        about: 'What a configuration sets never changes: make another one.',
        arguments: [configurationId],
        options: [...changes, ifMatch, jsonOption],
        examples: [['thingwall configuration set interval --priority 20', 'let it win']],
        load: async () => (await import('./fleet/configuration.ts')).configurationSet,
      },
      {
        name: 'rm',
        aliases: ['delete', 'remove'],
        summary: 'Delete a configuration and take back what it set',
        arguments: [configurationId],
        options: [ifMatch, jsonOption],
        examples: [['thingwall configuration rm interval', 'delete']],
        load: async () => (await import('./fleet/configuration.ts')).configurationRemove,
      },
      {
        name: 'test',
        summary: 'Try a condition and metrics without making anything',
        about: 'Exit 1 when one of them is wrong.',
        arguments: [{ name: 'condition', help: 'WHERE of a query' }],
        options: [{ flag: '--metric', takes: 'NAME=QUERY', help: 'a metric', repeat: true }, jsonOption],
        examples: [[`thingwall configuration test "tags.site = 'north'"`, 'how many it is true of']],
        load: async () => (await import('./fleet/configuration.ts')).configurationTest,
      },
    ],
  },
  {
    name: 'module',
    aliases: ['modules'],
    summary: 'Add, show and delete modules of devices',
    examples: [['thingwall module add pump-1/camera', 'a part of a device with a twin of its own']],
    commands: [
      {
        name: 'add',
        summary: 'Add a module to a device',
        about: 'Without --auth or --thumbprint it cannot connect by itself.',
        arguments: [module],
        options: [
          { flag: '--auth', takes: 'METHOD', help: 'how it proves itself', choices: ['none', 'sas'], default: 'none' },
          { flag: '--thumbprint', takes: 'HEX', help: 'SHA-256 of its own self-signed certificate; once or twice', repeat: true },
          { flag: '--managed-by', takes: 'WHO', help: 'who looks after it' },
          jsonOption,
        ],
        examples: [
          ['thingwall module add pump-1/camera', 'a twin and methods, no connection of its own'],
          ['thingwall module add pump-1/camera --auth sas', 'prints its connection string once'],
        ],
        load: async () => (await import('./fleet/module.ts')).moduleAdd,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the modules of a device',
        arguments: [{ name: 'device', help: 'name of the device' }],
        options: [jsonOption],
        examples: [['thingwall module ls pump-1', 'all of them']],
        load: async () => (await import('./fleet/module.ts')).moduleLs,
      },
      {
        name: 'show',
        summary: 'Show one module',
        arguments: [module],
        options: [jsonOption],
        examples: [['thingwall module show pump-1/camera', 'one of them']],
        load: async () => (await import('./fleet/module.ts')).moduleShow,
      },
      {
        name: 'rm',
        aliases: ['delete', 'remove'],
        summary: 'Delete a module and end its sessions now',
        arguments: [module],
        options: [ifMatch, jsonOption],
        examples: [['thingwall module rm pump-1/camera', 'delete']],
        load: async () => (await import('./fleet/module.ts')).moduleRemove,
      },
    ],
  },
  {
    name: 'file',
    aliases: ['files'],
    summary: 'List, read and delete files that devices have uploaded here',
    examples: [['thingwall file ls --device pump-1', 'of one device']],
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List files in the order of their names',
        options: [jsonOption, { flag: '--device', takes: 'NAME', help: 'only those of this device' }, limit],
        examples: [['thingwall file ls', 'all of them']],
        load: async () => (await import('./fleet/file.ts')).fileLs,
      },
      {
        name: 'get',
        summary: 'Read a file',
        arguments: [fileName],
        options: [{ flag: '--out', takes: 'FILE', help: 'where to; - is stdout', default: 'its name here' }, forceOption],
        examples: [
          ['thingwall file get pump-1/log.txt', 'into this directory'],
          ['thingwall file get pump-1/log.txt --out -', 'to stdout'],
        ],
        load: async () => (await import('./fleet/file.ts')).fileGet,
      },
      {
        name: 'rm',
        aliases: ['delete', 'remove'],
        summary: 'Delete a file',
        arguments: [fileName],
        options: [jsonOption],
        examples: [['thingwall file rm pump-1/log.txt', 'delete']],
        load: async () => (await import('./fleet/file.ts')).fileRemove,
      },
    ],
  },
]
