import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'

/** `pki code`: one-time codes by which devices get their certificates over EST. */
export const codeCommand: CommandSpec = {
  name: 'code',
  aliases: ['codes'],
  summary: 'One-time codes by which devices get certificates over EST',
  about: 'A device sends its id and the code with its signing request; see docs/est.md.',
  examples: [['thingwall pki code add pump-1 --expires 1h', 'make one']],
  commands: [
    {
      name: 'add',
      summary: 'Make a one-time code and print it, once',
      arguments: [{ name: 'devices', help: 'a device id, or the beginning of some and *' }],
      options: [
        { flag: '--expires', takes: 'TIME', help: 'its life: 30m, 1h, 2d', default: '1h' },
        { flag: '--uses', takes: 'N', help: 'how many certificates it is good for', default: '1' },
        jsonOption,
      ],
      examples: [
        ['thingwall pki code add pump-1 --expires 1h', 'for one device'],
        ["thingwall pki code add 'line4-*' --uses 40 --expires 2d", 'for forty that are registered already'],
      ],
      load: async () => (await import('./pki/code.ts')).codeAdd,
    },
    {
      name: 'ls',
      aliases: ['list'],
      summary: 'List the codes, without their secrets',
      options: [jsonOption],
      examples: [
        ['thingwall pki code ls', 'for a person'],
        ['thingwall pki code ls --json', 'for a program'],
      ],
      load: async () => (await import('./pki/code.ts')).codeLs,
    },
    {
      name: 'rm',
      aliases: ['remove'],
      summary: 'End a code',
      arguments: [{ name: 'code', help: 'the part of the code before its hyphen' }],
      examples: [['thingwall pki code rm abcd2345', 'nobody enrolls by it any more']],
      load: async () => (await import('./pki/code.ts')).codeRm,
    },
  ],
}
