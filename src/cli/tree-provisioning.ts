import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'

/** `provisioning`: devices that register by themselves. */
export const provisioningCommands: readonly CommandSpec[] = [
  {
    name: 'provisioning',
    summary: 'Devices that register by themselves',
    about: 'Who may register is said by enrollments; see docs/provisioning.md.',
    examples: [['thingwall provisioning show', 'what a device has to know']],
    commands: [
      {
        name: 'show',
        summary: 'Show the id scope by which devices register',
        options: [jsonOption],
        examples: [
          ['thingwall provisioning show', 'for a person'],
          ['thingwall provisioning show --json', 'for a program'],
        ],
        load: async () => (await import('./provisioning/show.ts')).provisioningShow,
      },
    ],
  },
]
