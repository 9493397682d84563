import { jsonOption } from './device/options.ts'
import type { CommandSpec, OptionSpec } from './spec.ts'

const openers: readonly OptionSpec[] = [
  { flag: '--passphrase-file', takes: 'FILE', help: 'the passphrase that it was made with' },
  { flag: '--identity', takes: 'FILE', help: 'the private key that it was made for, PEM' },
]

/** `vault`: the root key. `backup`: the whole hub in a file. */
export const vaultCommands: readonly CommandSpec[] = [
  {
    name: 'vault',
    summary: 'The root key that everything stored is encrypted under',
    examples: [
      ['thingwall vault show', 'who guards it'],
      ['thingwall vault protect --with tpm --tcti device:/dev/tpmrm0', 'a TPM from now on'],
      ['thingwall vault rotate', 'a new root key'],
    ],
    commands: [
      {
        name: 'show',
        summary: 'Show who guards the root key, and how far a change of it is',
        options: [jsonOption],
        examples: [['thingwall vault show', 'for a person']],
        load: async () => (await import('./vault/vault.ts')).vaultShow,
      },
      {
        name: 'protect',
        summary: 'Put the root key under another guard, while the hub runs',
        about: 'Paths are of the machine of the hub. The key file names the guard, so the next start needs nothing else.',
        options: [
          {
            flag: '--with',
            takes: 'GUARD',
            help: 'what guards it',
            choices: ['passphrase-file', 'pkcs11', 'tpm', 'keyring', 'plain-file'],
          },
          { flag: '--file', takes: 'FILE', help: 'the file with the passphrase' },
          { flag: '--module', takes: 'FILE', help: 'the PKCS #11 module' },
          { flag: '--label', takes: 'LABEL', help: 'the label of the token' },
          { flag: '--pin-file', takes: 'FILE', help: 'the file with its PIN' },
          { flag: '--tcti', takes: 'TCTI', help: 'how the TPM is reached' },
          jsonOption,
        ],
        examples: [
          ['thingwall vault protect --with passphrase-file --file /run/secrets/passphrase', 'a passphrase'],
          [
            'thingwall vault protect --with pkcs11 --module /usr/lib/softhsm/libsofthsm2.so --label thingwall --pin-file /etc/thingwall/pin',
            'a token',
          ],
          ['thingwall vault protect --with tpm --tcti device:/dev/tpmrm0', 'a TPM'],
        ],
        load: async () => (await import('./vault/vault.ts')).vaultProtect,
      },
      {
        name: 'rotate',
        summary: 'Make a new root key and seal everything under it',
        about: 'Nothing is unreadable meanwhile. The old key leaves the key file at the next start. Cut off, it goes on when called again.',
        options: [jsonOption],
        examples: [['thingwall vault rotate', 'and wait until it is done']],
        load: async () => (await import('./vault/vault.ts')).vaultRotate,
      },
      {
        name: 'sync',
        summary: 'Secrets that edges hold, sealed to their keys',
        examples: [['thingwall vault sync ls', 'which edge holds what']],
        commands: [
          {
            name: 'add',
            summary: 'Say which secrets an edge is to hold',
            about: 'A rule of access must give each to edge:NAME besides.',
            arguments: [{ name: 'edge', help: 'name of the edge' }],
            options: [
              { flag: '--certificate', takes: 'FILE', help: 'its client certificate, or public key, PEM' },
              { flag: '--holds', takes: 'NAME', help: 'a secret that it is to hold', repeat: true },
              { flag: '--every', takes: 'SECONDS', help: 'how often it asks', default: '3600' },
              { flag: '--all-or-nothing', help: 'one secret that cannot be read keeps back the others' },
            ],
            examples: [['thingwall vault sync add edge-1 --certificate edge-1.pem --holds db-password', 'one secret']],
            load: async () => (await import('./vault/sync.ts')).syncAdd,
          },
          {
            name: 'ls',
            aliases: ['list'],
            summary: 'List edges, and the version that each holds',
            options: [jsonOption],
            examples: [['thingwall vault sync ls', 'for a person']],
            load: async () => (await import('./vault/sync.ts')).syncLs,
          },
          {
            name: 'rm',
            aliases: ['remove'],
            summary: 'Give an edge no more secrets',
            arguments: [{ name: 'edge', help: 'name of the edge' }],
            examples: [['thingwall vault sync rm edge-1', 'what it holds, it holds']],
            load: async () => (await import('./vault/sync.ts')).syncRm,
          },
        ],
      },
    ],
  },
  {
    name: 'backup',
    aliases: ['backups'],
    summary: 'The whole hub in one encrypted file, and back',
    examples: [
      ['thingwall backup make --out hub.backup --passphrase-file recovery.txt', 'make one'],
      ['thingwall backup rehearse hub.backup --passphrase-file recovery.txt', 'prove it'],
    ],
    commands: [
      {
        name: 'make',
        summary: 'Make a backup of the running hub',
        about:
          'The root key is in it, encrypted to who may open it: a passphrase, or keys on X25519. A backup that was there stays until this one is whole.',
        options: [
          { flag: '--out', takes: 'FILE', help: 'where it goes' },
          { flag: '--passphrase-file', takes: 'FILE', help: 'a passphrase that opens it' },
          { flag: '--recipient', takes: 'FILE', help: 'a public key whose owner may open it, PEM', repeat: true },
        ],
        examples: [
          ['thingwall backup make --out hub.backup --passphrase-file recovery.txt', 'for a passphrase'],
          ['thingwall backup make --out hub.backup --recipient recovery.pub', 'for a key that is kept elsewhere'],
        ],
        load: async () => (await import('./backup/backup.ts')).backupMake,
      },
      {
        name: 'restore',
        summary: 'Restore a backup into a new data directory',
        about: 'Asks no hub. The data directory must not exist or be empty.',
        arguments: [{ name: 'file', help: 'a backup' }],
        options: [
          ...openers,
          { flag: '--key-file', takes: 'FILE', help: 'where the root key goes', default: 'its usual place' },
          jsonOption,
        ],
        examples: [['thingwall backup restore hub.backup --passphrase-file recovery.txt --data ./restored', 'into ./restored']],
        load: async () => (await import('./backup/backup.ts')).backupRestore,
      },
      {
        name: 'rehearse',
        summary: 'Restore a backup beside everything, open every part, throw it away',
        about: 'Asks no hub, delivers nothing. Prints what was found; exit 1 when a part does not open.',
        arguments: [{ name: 'file', help: 'a backup' }],
        options: [...openers, jsonOption],
        examples: [['thingwall backup rehearse hub.backup --passphrase-file recovery.txt', 'prove it']],
        load: async () => (await import('./backup/backup.ts')).backupRehearse,
      },
    ],
  },
]
