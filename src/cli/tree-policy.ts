import { jsonOption } from './device/options.ts'
import type { ArgumentSpec, CommandSpec, OptionSpec } from './spec.ts'

const file: ArgumentSpec = { name: 'file', help: 'policy documents, YAML or JSON' }
const name: ArgumentSpec = { name: 'name', help: 'name of the document' }
const yes: OptionSpec = { flag: '--yes', help: 'do not ask' }
const actions = ['connect', 'publish', 'subscribe', 'receive'] as const
const exitCode: OptionSpec = { flag: '--exit-code', help: 'exit 3 when denied' }

/** `policy` and `explain`. */
export const policyCommands: readonly CommandSpec[] = [
  {
    name: 'policy',
    aliases: ['policies'],
    summary: 'Say who may connect, publish and subscribe',
    about: 'What no rule allows is denied. A change is planned, tested, applied as one, and meets who is connected at once.',
    examples: [
      ['thingwall policy ls', 'the documents in force'],
      ['thingwall policy plan site.yaml', 'what a change would do'],
      ['thingwall policy apply site.yaml', 'look at the plan, agree, apply'],
    ],
    commands: [
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the policy documents in force, built-in ones included',
        options: [jsonOption],
        examples: [
          ['thingwall policy ls', 'for a person'],
          ['thingwall policy ls --json', 'for a program'],
        ],
        load: async () => (await import('./policy/read.ts')).policyLs,
      },
      {
        name: 'show',
        summary: 'Print the text of one document',
        arguments: [name],
        options: [jsonOption],
        examples: [
          ['thingwall policy show hub-devices', 'what every device may do'],
          ['thingwall policy show hub-devices > devices.yaml', 'to begin one of your own'],
        ],
        load: async () => (await import('./policy/read.ts')).policyShow,
      },
      {
        name: 'test',
        summary: 'Run the tests of a file, or of the policies in force',
        about: 'With a file no hub is asked: its tests are judged by its own documents and the built-in one. Exit 1 when one fails.',
        arguments: [{ ...file, optional: true }],
        options: [jsonOption],
        examples: [
          ['thingwall policy test site.yaml', 'in a pipeline, without a hub'],
          ['thingwall policy test', 'what is in force'],
        ],
        load: async () => (await import('./policy/test.ts')).policyTest,
      },
      {
        name: 'plan',
        summary: 'Show what applying a file would do',
        about: 'Rules that go and come, sessions and subscriptions affected, tests. Changes nothing. Exit 1 when a test fails.',
        arguments: [file],
        options: [jsonOption],
        examples: [
          ['thingwall policy plan site.yaml', 'for a person'],
          ['thingwall policy plan site.yaml --json', 'for a program'],
        ],
        load: async () => (await import('./policy/change.ts')).policyPlanned,
      },
      {
        name: 'apply',
        summary: 'Apply the documents of a file, all or none',
        about:
          'Shows the plan and asks. Nothing is applied when a test fails, or when somebody else changed the policy meanwhile (exit 5). Prints the receipt.',
        arguments: [file],
        options: [yes, jsonOption],
        examples: [
          ['thingwall policy apply site.yaml', 'look, agree, apply'],
          ['thingwall policy apply site.yaml --yes', 'in a script'],
        ],
        load: async () => (await import('./policy/change.ts')).policyApply,
      },
      {
        name: 'rm',
        aliases: ['remove'],
        summary: 'Take an applied document out',
        about: 'A document that replaced a built-in one gives it back.',
        arguments: [name],
        options: [yes, jsonOption],
        examples: [['thingwall policy rm site-rules', 'look at the plan, agree, remove']],
        load: async () => (await import('./policy/change.ts')).policyRm,
      },
      {
        name: 'history',
        summary: 'Show the newest changes of policy',
        about: 'With --json their texts too, so that an older one can be applied again.',
        options: [jsonOption, { flag: '--limit', takes: 'N', help: 'at most so many', default: '20' }],
        examples: [['thingwall policy history', 'who applied what, and when']],
        load: async () => (await import('./policy/read.ts')).policyHistory,
      },
      {
        name: 'shrink',
        summary: 'Propose a smaller policy without what nobody used',
        about: 'Reads the journal. What was used stays allowed. Writes documents that can be planned and applied; Ctrl-C cancels.',
        arguments: [{ ...name, optional: true }],
        options: [
          { flag: '--days', takes: 'N', help: 'look back so far', default: '30' },
          { flag: '--out', takes: 'FILE', help: 'write the documents here; made new', default: 'stdout' },
          jsonOption,
        ],
        examples: [
          ['thingwall policy shrink', 'every document'],
          ['thingwall policy shrink site-rules --days 90 --out smaller.yaml', 'one, by what was used in 90 days'],
        ],
        load: async () => (await import('./policy/shrink.ts')).policyShrink,
      },
      {
        name: 'simulate',
        summary: 'Tell what somebody who need not exist could do',
        about: 'With the policy in force, or with a file applied. A device is taken as registered and enabled.',
        arguments: [
          { name: 'action', help: 'what they would do', choices: actions },
          { name: 'topic', help: 'topic name, or topic filter for subscribe', optional: true },
        ],
        options: [
          { flag: '--device', takes: 'NAME', help: 'a registered device' },
          { flag: '--username', takes: 'NAME', help: 'somebody of another method' },
          { flag: '--method', takes: 'METHOD', help: 'how they prove themselves', choices: ['x509', 'sat', 'custom'], default: 'custom' },
          { flag: '--client-id', takes: 'ID', help: 'what they connect with', default: 'their name' },
          { flag: '--attribute', takes: 'NAME=VALUE', help: 'an attribute; may be given many times', repeat: true },
          { flag: '--policy', takes: 'FILE', help: 'as it would be with these documents applied' },
          exitCode,
          jsonOption,
        ],
        examples: [
          ['thingwall policy simulate --device pump-1 publish plant/x', 'a device'],
          [
            'thingwall policy simulate --username meter --attribute building=17 --policy site.yaml subscribe building/17/#',
            'before applying',
          ],
        ],
        load: async () => (await import('./policy/read.ts')).policySimulate,
      },
    ],
  },
  {
    name: 'explain',
    summary: 'Tell whether a device may do something, and why',
    about:
      'Names the rule that decides and the smallest change that would allow what is denied. With --decision, explains a denial that "thingwall watch" has shown.',
    arguments: [
      { name: 'device', help: 'name of the device', optional: true },
      { name: 'action', help: 'what it would do', choices: actions, optional: true },
      { name: 'topic', help: 'topic name, or topic filter for subscribe', optional: true },
    ],
    options: [
      { flag: '--client-id', takes: 'ID', help: 'what it connects with', default: 'the name of the device' },
      { flag: '--decision', takes: 'ID', help: 'explain the denial with this decision, as the journal keeps it' },
      exitCode,
      jsonOption,
    ],
    examples: [
      ['thingwall explain pump-1 publish plant/other/x', 'why this is denied'],
      ['thingwall explain pump-1 connect --exit-code', 'for a script'],
      ['thingwall explain --decision 0f8e1c52-9f0a-4c3e-8f3b-3d1c5a0e7b11/12', 'a denial of the past'],
    ],
    load: async () => (await import('./commands/explain.ts')).explain,
  },
]
