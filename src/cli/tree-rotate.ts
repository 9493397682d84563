import { jsonOption } from './device/options.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

const step = (name: string) => async () => (await import('./pki/rotate.ts')).rotateStep(name)
const except: readonly OptionSpec[] = [
  { flag: '--except', takes: 'IDS', help: 'devices that are left behind, with commas between them' },
  { flag: '--reason', takes: 'TEXT', help: 'why; the audit log keeps it' },
  jsonOption,
]

/** `pki rotate`: moving the fleet to a new root. */
export const rotateCommand: CommandSpec = {
  name: 'rotate',
  summary: 'Move the fleet to a new root, step by step',
  about: 'See docs/rotation.md for what devices do meanwhile.',
  examples: [['thingwall pki rotate plan', 'numbers, before anything is done']],
  commands: [
    {
      name: 'plan',
      summary: 'Say what a campaign would find; nothing is done',
      options: [jsonOption],
      examples: [['thingwall pki rotate plan', 'how many devices must prove their trust']],
      load: async () => (await import('./pki/rotate.ts')).rotatePlan,
    },
    {
      name: 'start',
      summary: 'Make a new root and tell devices to trust both',
      options: [
        { flag: '--failure-limit', takes: 'N', help: 'failed probes that hold the campaign; one in a hundred devices, at least 5' },
        jsonOption,
      ],
      examples: [['thingwall pki rotate start', 'nothing rests on the new root yet']],
      load: step('start'),
    },
    {
      name: 'status',
      summary: 'Show how far the campaign is, and who is behind',
      options: [jsonOption],
      examples: [
        ['thingwall pki rotate status', 'for a person'],
        ['thingwall pki rotate status --json', 'for a program'],
      ],
      load: async () => (await import('./pki/rotate.ts')).rotateStatus,
    },
    {
      name: 'hold',
      summary: 'Let nothing go on until it is resumed',
      options: [{ flag: '--reason', takes: 'TEXT', help: 'why' }, jsonOption],
      examples: [['thingwall pki rotate hold --reason harvest', 'until after the harvest']],
      load: step('hold'),
    },
    {
      name: 'resume',
      summary: 'Go on after a hold',
      options: [jsonOption],
      examples: [['thingwall pki rotate resume', 'failed probes are counted anew']],
      load: step('resume'),
    },
    {
      name: 'rollback',
      summary: 'Take the new root back, before the cut-over',
      options: [jsonOption],
      examples: [['thingwall pki rotate rollback', 'as if it had not begun']],
      load: step('rollback'),
    },
    {
      name: 'cut-over',
      summary: 'Be known by the new root from now on',
      options: except,
      examples: [['thingwall pki rotate cut-over', 'who knows only the old root is served by a cross-certificate']],
      load: step('cut-over'),
    },
    {
      name: 'retire',
      summary: 'End trust in the old root',
      options: except,
      examples: [
        ['thingwall pki rotate retire', 'refused while a device is behind'],
        ['thingwall pki rotate retire --except pump-9 --reason scrapped', 'without that one'],
      ],
      load: step('retire'),
    },
  ],
}
