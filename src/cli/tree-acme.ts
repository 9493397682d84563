import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'

/** `pki acme`: accounts by which services get their certificates. */
export const acmeCommand: CommandSpec = {
  name: 'acme',
  summary: 'Accounts by which services of yours get certificates over ACME',
  about: 'Any ACME client registers with the key identifier and the HMAC key of an account; see docs/acme.md.',
  examples: [["thingwall pki acme account add scada --names '*.plant.example'", 'make an account for the hosts of a plant']],
  commands: [
    {
      name: 'account',
      aliases: ['accounts'],
      summary: 'ACME accounts and the names that they may have certificates for',
      examples: [["thingwall pki acme account add scada --names '*.plant.example'", 'make one']],
      commands: [
        {
          name: 'add',
          summary: 'Make an account and print the two halves of its binding, once',
          arguments: [{ name: 'name', help: 'what you call it' }],
          options: [
            { flag: '--names', takes: 'NAMES', help: 'hosts, *.domain, addresses and networks, with commas between them' },
            jsonOption,
          ],
          examples: [
            ["thingwall pki acme account add scada --names '*.plant.example'", 'for every host below a domain'],
            ['thingwall pki acme account add db --names db.plant.example,10.1.0.7', 'for one host and its address'],
          ],
          load: async () => (await import('./acme/account.ts')).accountAdd,
        },
        {
          name: 'ls',
          aliases: ['list'],
          summary: 'List the accounts',
          options: [jsonOption],
          examples: [
            ['thingwall pki acme account ls', 'for a person'],
            ['thingwall pki acme account ls --json', 'for a program'],
          ],
          load: async () => (await import('./acme/account.ts')).accountLs,
        },
        {
          name: 'rm',
          aliases: ['remove'],
          summary: 'End an account; its certificates stay',
          arguments: [{ name: 'name', help: 'what you called it' }],
          examples: [['thingwall pki acme account rm scada', 'nobody orders by it any more']],
          load: async () => (await import('./acme/account.ts')).accountRm,
        },
      ],
    },
  ],
}
