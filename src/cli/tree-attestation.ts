import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'

const device = { name: 'device', help: 'a device id' } as const

/** `attestation`: keys that TPMs prove. */
export const attestationCommands: readonly CommandSpec[] = [
  {
    name: 'attestation',
    summary: 'Devices that prove by their TPM where their key is',
    about: 'The exchange, and what a device runs for it, is in docs/tpm.md.',
    examples: [
      ['thingwall attestation policy add gateways --register 0=b3f1... --root maker.pem', 'say what is demanded'],
      ['thingwall attestation expect pump-1 --ek ek.pub --policy gateways', 'say which TPM a device has'],
    ],
    commands: [
      {
        name: 'policy',
        aliases: ['policies'],
        summary: 'What is demanded of TPMs',
        examples: [['thingwall attestation policy ls', 'every policy']],
        commands: [
          {
            name: 'add',
            summary: 'Add a policy',
            arguments: [{ name: 'name', help: 'what it is called: a-z, 0-9, - . _' }],
            options: [
              { flag: '--register', takes: 'N=HEX', help: 'a register (SHA-256 bank) as it must be; may be said again', repeat: true },
              { flag: '--root', takes: 'FILE', help: 'certificates of manufacturers, PEM; without it none is demanded' },
              jsonOption,
            ],
            examples: [
              [`thingwall attestation policy add gateways --register 7=${'00'.repeat(32)}`, 'one register'],
              ['thingwall attestation policy add gateways --root maker.pem', 'TPMs of one manufacturer, however the machine was started'],
            ],
            load: async () => (await import('./attestation/policy.ts')).policyAdd,
          },
          {
            name: 'ls',
            aliases: ['list'],
            summary: 'List the policies',
            options: [jsonOption],
            examples: [['thingwall attestation policy ls --json', 'for a program']],
            load: async () => (await import('./attestation/policy.ts')).policyLs,
          },
          {
            name: 'rm',
            aliases: ['remove'],
            summary: 'Remove a policy that no device is held to',
            arguments: [{ name: 'name', help: 'its name' }],
            examples: [['thingwall attestation policy rm gateways', 'it is gone']],
            load: async () => (await import('./attestation/policy.ts')).policyRm,
          },
        ],
      },
      {
        name: 'expect',
        summary: 'Expect a device with this TPM',
        about: 'What was proven or suspected of the device before is forgotten: say it again to clear a suspicion.',
        arguments: [device],
        options: [
          {
            flag: '--ek',
            takes: 'FILE',
            help: 'public area of the endorsement key (TPM2B_PUBLIC), as tpm2_createek -u writes it',
          },
          { flag: '--policy', takes: 'NAME', help: 'the policy that it is held to' },
        ],
        examples: [['thingwall attestation expect pump-1 --ek ek.pub --policy gateways', 'by the key that was read on the device']],
        load: async () => (await import('./attestation/device.ts')).expectDevice,
      },
      {
        name: 'forget',
        summary: 'Expect no TPM of a device any more',
        arguments: [device],
        examples: [['thingwall attestation forget pump-1', 'its certificates stay as they are']],
        load: async () => (await import('./attestation/device.ts')).forgetDevice,
      },
      {
        name: 'ls',
        aliases: ['list'],
        summary: 'List the devices that are expected with a TPM, and what was proven',
        options: [jsonOption],
        examples: [['thingwall attestation ls', 'for a person']],
        load: async () => (await import('./attestation/device.ts')).listDevices,
      },
    ],
  },
]
