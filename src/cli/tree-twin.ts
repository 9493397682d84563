import { jsonOption } from './device/options.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const identity: ArgumentSpec = { name: 'name', help: 'name of the device, or device/module' }
const ifMatch: OptionSpec = { flag: '--if-match', takes: 'ETAG', help: 'only if the twin was not changed since it had this etag' }
const file: OptionSpec = { flag: '--file', takes: 'FILE', help: 'JSON with tags, desired or both; - is stdin' }

/** How a direct method is called, by hand and by jobs. */
export const methodOptions: readonly OptionSpec[] = [
  { flag: '--payload', takes: 'FILE', help: 'JSON payload of the method; - is stdin' },
  { flag: '--timeout', takes: 'SECONDS', help: 'how long the device may take, 5 to 300', default: '30' },
  { flag: '--connect-timeout', takes: 'SECONDS', help: 'how long to wait for it to come online, up to 300', default: '0' },
]

/** The nouns of one device: `twin`, `method`, `message`. */
export const twinCommands: readonly CommandSpec[] = [
  {
    name: 'twin',
    aliases: ['twins'],
    summary: 'Show and change what is desired of a device and what it reports',
    examples: [
      ['thingwall twin show pump-1', 'tags, desired and reported properties'],
      ['thingwall twin set pump-1 desired.interval=5', 'the device is told at once, or when it connects'],
      ['thingwall twin diff pump-1', 'what it has not made so yet'],
    ],
    commands: [
      {
        name: 'show',
        summary: 'Show the twin of a device or module',
        arguments: [identity],
        options: [jsonOption],
        examples: [
          ['thingwall twin show pump-1', 'for a person'],
          ['thingwall twin show pump-1/camera --json', 'of a module, for a program'],
        ],
        load: async () => (await import('./twin/read.ts')).twinShow,
      },
      {
        name: 'set',
        summary: 'Change tags and desired properties',
        about:
          'Merges what is given: null deletes. A value is JSON where it can be read as such, and text otherwise. With --replace the sections that are given are put whole in the place of those that were.',
        arguments: [identity, { name: 'assignment', help: 'desired.KEY=VALUE or tags.KEY=VALUE', optional: true, many: true }],
        options: [file, { flag: '--replace', help: 'put whole sections in place instead of merging' }, ifMatch, jsonOption],
        examples: [
          ['thingwall twin set pump-1 desired.interval=5 tags.site=north', 'two values'],
          ['thingwall twin set pump-1 desired.interval=null', 'delete one'],
          ['thingwall twin set pump-1 --file twin.json --replace', 'whole sections from a file'],
        ],
        load: async () => (await import('./twin/change.ts')).twinSet,
      },
      {
        name: 'edit',
        summary: 'Change tags and desired properties in an editor',
        about:
          'Opens $VISUAL or $EDITOR. Sends only what was changed, and nothing if somebody else changed the twin meanwhile: then your text is kept.',
        arguments: [identity],
        options: [],
        examples: [['EDITOR=nano thingwall twin edit pump-1', 'edit']],
        load: async () => (await import('./twin/change.ts')).twinEdit,
      },
      {
        name: 'history',
        summary: 'Show the changes of a twin, newest first',
        about: 'As far back as the journal is kept.',
        arguments: [identity],
        options: [jsonOption, { flag: '--limit', takes: 'N', help: 'at most so many', default: '20' }],
        examples: [['thingwall twin history pump-1', 'who changed what']],
        load: async () => (await import('./twin/read.ts')).twinHistory,
      },
      {
        name: 'diff',
        summary: 'Show what is desired and not reported so',
        arguments: [identity],
        options: [jsonOption, { flag: '--exit-code', help: 'exit 1 when something is' }],
        examples: [['thingwall twin diff pump-1 --exit-code', 'for a script that waits for a device']],
        load: async () => (await import('./twin/read.ts')).twinDiff,
      },
    ],
  },
  {
    name: 'method',
    aliases: ['methods'],
    summary: 'Call direct methods of devices',
    examples: [['thingwall method call pump-1 reboot', 'and wait for the answer']],
    commands: [
      {
        name: 'call',
        summary: 'Call a direct method and print the answer',
        about:
          "The payload of the answer is on stdout, the device's status on stderr. Exit 1 when that is 400 or more, 6 when the device is not there.",
        arguments: [
          identity,
          { name: 'method', help: 'name of the method' },
          { name: 'payload', help: 'JSON, instead of --payload', optional: true },
        ],
        options: [...methodOptions, jsonOption],
        examples: [
          ['thingwall method call pump-1 reboot', 'without a payload'],
          [`thingwall method call pump-1 setInterval '{"seconds": 5}' --timeout 60`, 'with one'],
          ['thingwall method call pump-1/camera snap --connect-timeout 120', 'of a module, when it comes online'],
        ],
        load: async () => (await import('./fleet/method.ts')).methodCall,
      },
    ],
  },
  {
    name: 'message',
    aliases: ['messages'],
    summary: 'Send messages to devices, and see what waits',
    examples: [['thingwall message send pump-1 "close the valve"', 'the device gets it when it is online']],
    commands: [
      {
        name: 'send',
        summary: 'Put a message in the queue of a device or module',
        arguments: [identity, { name: 'text', help: 'the message', optional: true }],
        options: [
          { flag: '--file', takes: 'FILE', help: 'bytes of the message, instead of a text; - is stdin' },
          { flag: '--property', takes: 'NAME=VALUE', help: 'application property', repeat: true },
          { flag: '--content-type', takes: 'TYPE', help: 'for example application/json' },
          { flag: '--message-id', takes: 'ID', help: 'what feedback names it by' },
          { flag: '--correlation-id', takes: 'ID', help: 'which message it belongs to' },
          {
            flag: '--ack',
            takes: 'WHICH',
            help: 'outcomes that back ends are told of',
            choices: ['none', 'positive', 'negative', 'full'],
            default: 'none',
          },
          { flag: '--expires', takes: 'SECONDS', help: 'how long it is worth something, up to 172800', default: '3600' },
          jsonOption,
        ],
        examples: [
          ['thingwall message send pump-1 "close the valve" --property urgent=yes', 'a text'],
          ['thingwall message send pump-1 --file order.json --content-type application/json --expires 60', 'a file'],
        ],
        load: async () => (await import('./fleet/message.ts')).messageSend,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List what waits for a device or module',
        arguments: [identity],
        options: [jsonOption],
        examples: [['thingwall message ls pump-1', 'oldest first']],
        load: async () => (await import('./fleet/message.ts')).messageLs,
      },
      {
        name: 'purge',
        summary: 'Drop what waits for a device or module',
        arguments: [identity],
        options: [jsonOption],
        examples: [['thingwall message purge pump-1', 'what is with the device already stays']],
        load: async () => (await import('./fleet/message.ts')).messagePurge,
      },
    ],
  },
]
