import { attestationCommands } from './tree-attestation.ts'
import { deviceCommands } from './tree-device.ts'
import { factoryCommands } from './tree-factory.ts'
import { pkiCommands } from './tree-pki.ts'
import { policyCommands } from './tree-policy.ts'
import { provisioningCommands } from './tree-provisioning.ts'
import { routeCommands } from './tree-route.ts'
import { secretCommands } from './tree-secret.ts'
import { serviceCommands } from './tree-service.ts'
import { fleetCommands } from './tree-fleet.ts'
import { twinCommands } from './tree-twin.ts'
import { transferCommands } from './tree-transfer.ts'
import { vaultCommands } from './tree-vault.ts'
import { jsonOption } from './device/options.ts'
import type { CommandSpec } from './spec.ts'
import { trustSystems } from './commands/systems.ts'

/** The command tree: every command, its words, its options and examples that can be typed as they stand. */
export const tree: CommandSpec = {
  name: 'thingwall',
  summary: 'The IoT cloud that you run yourself',
  about:
    'Data goes to stdout, talk to stderr; tables on a terminal, tab-separated lines in a pipe, JSON with --json. NO_COLOR is honoured.',
  examples: [
    ['thingwall start', 'start the hub'],
    ['thingwall device add pump-1', 'add a device: key, certificate, connection snippet'],
    ['thingwall watch', 'see what arrives'],
    ['thingwall check', 'see what is secure, and what is not'],
  ],
  commands: [
    {
      name: 'start',
      summary: 'Start the hub in this terminal',
      about: 'The first start makes the certificate authority, the store and the audit log. Every option is also an environment variable.',
      lateOptions: async () => (await import('./commands/start.ts')).startOptions(),
      examples: [
        ['thingwall start', 'on this machine only, with the data directory of this user'],
        ['thingwall start --data ./data --host 0.0.0.0 --name hub.example.com', 'for devices in the network'],
      ],
      load: async () => (await import('./commands/start.ts')).start,
    },
    ...deviceCommands,
    ...attestationCommands,
    ...provisioningCommands,
    ...twinCommands,
    ...fleetCommands,
    {
      name: 'watch',
      summary: 'Show telemetry, connections and denials as they happen',
      about: 'One fact a line. When the hub is away, waits for it and goes on after the last fact seen.',
      options: [
        { flag: '--json', help: 'print one JSON object a line' },
        { flag: '--from', takes: 'WHERE', help: 'now, start, or the offset of a fact', default: 'now, or start with --until end' },
        { flag: '--until', takes: 'WHERE', help: 'end: stop after the last fact that is there now', choices: ['end'] },
        { flag: '--device', takes: 'NAME', help: 'only this device' },
        { flag: '--kind', takes: 'KIND', help: 'only this kind, for example telemetry or denied' },
      ],
      examples: [
        ['thingwall watch', 'from now on'],
        ['thingwall watch --json --from start --until end', 'everything that is kept, then stop'],
        ['thingwall watch --device pump-1 --kind denied', 'what one device may not do'],
      ],
      load: async () => (await import('./watch/watch.ts')).watch,
    },
    {
      name: 'connections',
      aliases: ['connection'],
      summary: 'Show who is connected now',
      options: [jsonOption, { flag: '--device', takes: 'NAME', help: 'only this device' }],
      examples: [
        ['thingwall connections', 'every live session'],
        ['thingwall connections --json', 'the same for a program'],
      ],
      load: async () => (await import('./device/read.ts')).connectionsList,
    },
    ...policyCommands,
    ...serviceCommands,
    ...secretCommands,
    ...vaultCommands,
    ...pkiCommands,
    ...factoryCommands,
    ...transferCommands,
    ...routeCommands,
    {
      name: 'revoke',
      summary: 'Revoke certificates and end the sessions that rest on them now',
      about:
        'Every certificate of a device, or what you know of what was lost: a certificate, a key, an authority, a list or group of devices. Prints the receipt: how many sessions were closed, and how fast. Exit 1 if one is left.',
      arguments: [{ name: 'device', help: 'name of the device', optional: true }],
      options: [
        jsonOption,
        { flag: '--serial', takes: 'HEX', help: 'one certificate, by its serial number' },
        { flag: '--fingerprint', takes: 'SHA256', help: 'one certificate, whoever signed it' },
        { flag: '--key-sha256', takes: 'HEX', help: 'every certificate for a public key, also those to come' },
        { flag: '--issuer', takes: 'KEYID', help: 'an authority and everything under it' },
        { flag: '--devices', takes: 'FILE', help: 'every device named in a file, one a line' },
        { flag: '--group', takes: 'GROUP', help: 'every device that registered through an enrollment group' },
        { flag: '--where', takes: 'CONDITION', help: 'every device whose twin it is true of, in the query language' },
        { flag: '--reason', takes: 'TEXT', help: 'kept in the audit log' },
      ],
      examples: [
        ['thingwall revoke pump-1', 'revoke'],
        ['thingwall revoke pump-1 --reason "stolen from site 4"', 'and say why'],
        ['thingwall revoke --serial 4f2c9a01 --reason keyCompromise', 'one certificate'],
        ['thingwall revoke --devices stolen.txt', 'many devices at once'],
        [`thingwall revoke --where "tags.site = 'north'" --reason keyCompromise`, 'a whole site'],
      ],
      load: async () => (await import('./device/revoke.ts')).revoke,
    },
    {
      name: 'check',
      aliases: ['checks'],
      summary: 'Measure the security of the running hub',
      about: 'Runs each control against the hub as it runs. Exit 1 when one fails.',
      arguments: [{ name: 'control', help: 'only these, for example TW-CON-01', optional: true, many: true }],
      options: [
        { flag: '--json', help: 'print JSON, evidence included' },
        { flag: '--evidence', help: 'show what was measured' },
        { flag: '--last', help: 'show the last run instead of running now' },
      ],
      examples: [
        ['thingwall check', 'all controls'],
        ['thingwall check TW-CON-01 --evidence', 'one control, with what was measured'],
      ],
      load: async () => (await import('./commands/check.ts')).check,
    },
    {
      name: 'doctor',
      summary: 'Look for what is wrong with the hub and this machine',
      about:
        'Hub, clock, disk, ports, names, TPM, key, permissions: what is so, why it matters, how to mend it. Exit 1 when something must be mended.',
      arguments: [{ name: 'part', help: 'tpm: look closely at the TPM, and at nothing else', optional: true, choices: ['tpm'] }],
      options: [jsonOption, { flag: '--tcti', takes: 'TCTI', help: 'another TPM than that of this machine, as tpm2-tools take it' }],
      examples: [
        ['thingwall doctor', 'look'],
        ['thingwall doctor --json', 'for a program'],
        ['thingwall doctor tpm --tcti swtpm:path=/run/tpm', 'a TPM in software'],
      ],
      load: async () => (await import('./doctor/doctor.ts')).doctor,
    },
    {
      name: 'demo',
      summary: 'Run a fleet of real SDK devices',
      about:
        'Adds devices, connects each with a certificate of its own through the stock Azure IoT device SDK, and publishes until Ctrl-C. They take desired.everyMs, answer the methods reboot and echo, and take messages. Their keys live in memory only.',
      options: [
        { flag: '--devices', takes: 'N', help: 'how many', default: '5' },
        { flag: '--seconds', takes: 'N', help: 'stop after so long', default: 'runs until Ctrl-C' },
        { flag: '--every', takes: 'MS', help: 'time between two messages of a device', default: '1000' },
        { flag: '--prefix', takes: 'P', help: 'beginning of the names', default: 'demo-' },
        { flag: '--remove', help: 'delete every device that a demo made here' },
      ],
      examples: [
        ['thingwall demo', 'five devices'],
        ['thingwall demo --devices 20 --seconds 60', 'twenty, for a minute'],
        ['thingwall demo --remove', 'take them all away'],
      ],
      load: async () => (await import('./demo/demo.ts')).demo,
    },
    {
      name: 'hub',
      summary: 'The hub itself',
      examples: [['thingwall hub show', 'version, listeners, state']],
      commands: [
        {
          name: 'show',
          summary: 'Show version, listeners and state of the hub',
          options: [jsonOption],
          examples: [
            ['thingwall hub show', 'for a person'],
            ['thingwall hub show --json', 'for a program'],
          ],
          load: async () => (await import('./commands/hub.ts')).hubShow,
        },
      ],
    },
    {
      name: 'config',
      summary: 'The settings file',
      examples: [['thingwall config check hub.yaml', 'whether it is right, and what counts']],
      commands: [
        {
          name: 'check',
          summary: 'Read a settings file as start would, and print every setting that counts',
          about: 'Starts nothing and asks no hub. Exit 1 with everything that is wrong when it would not start.',
          arguments: [{ name: 'file', help: 'a settings file, see docs/settings.md' }],
          options: [jsonOption],
          examples: [
            ['thingwall config check hub.yaml', 'for a person'],
            ['thingwall config check hub.yaml --json', 'for a program'],
          ],
          load: async () => (await import('./commands/config.ts')).configCheck,
        },
      ],
    },
    {
      name: 'sign-in',
      summary: 'Print a fresh one-time link to the console',
      options: [jsonOption],
      examples: [['thingwall sign-in', 'the link alone is on stdout']],
      load: async () => (await import('./commands/hub.ts')).signIn,
    },
    {
      name: 'audit',
      summary: 'Show who changed what',
      options: [
        jsonOption,
        { flag: '--verify', help: 'prove that the chain holds; exit 1 when it does not' },
        { flag: '--after', takes: 'SEQUENCE', help: 'only what came after this record' },
        { flag: '--limit', takes: 'N', help: 'at most so many records' },
      ],
      examples: [
        ['thingwall audit', 'every change'],
        ['thingwall audit --verify', 'and whether the log was tampered with'],
      ],
      load: async () => (await import('./commands/audit.ts')).audit,
    },
    {
      name: 'trust',
      summary: "Show the root's fingerprint and how to make each system trust it",
      about: 'Changes nothing itself.',
      options: [{ flag: '--system', takes: 'NAME', help: 'only this one', choices: trustSystems }, jsonOption],
      examples: [
        ['thingwall trust', 'every system'],
        ['thingwall trust --system debian', 'one of them'],
      ],
      load: async () => (await import('./commands/trust.ts')).trust,
    },
    {
      name: 'bench',
      summary: 'Measure this hub against other brokers (in a clone)',
      arguments: [{ name: 'arguments', help: 'passed on; options after --', optional: true, many: true }],
      examples: [['thingwall bench', 'the whole of it']],
      load: async () => (await import('./commands/bench.io.ts')).bench,
    },
    {
      name: 'completion',
      summary: 'Print the completion script of a shell',
      arguments: [{ name: 'shell', help: 'your shell', choices: ['bash', 'zsh', 'fish'] }],
      examples: [
        ['source <(thingwall completion bash)', 'for this shell'],
        ['thingwall completion fish > ~/.config/fish/completions/thingwall.fish', 'for every fish from now on'],
      ],
      load: async () => (await import('./commands/completion.ts')).completion,
    },
    {
      name: 'help',
      summary: 'Print the help of a command',
      arguments: [{ name: 'command', help: 'its words', optional: true, many: true }],
      examples: [['thingwall help device add', 'the same as thingwall device add --help']],
    },
  ],
}
