import type { OptionSpec } from '../spec.ts'

/** `--json` of every command that reads. */
export const jsonOption: OptionSpec = { flag: '--json', help: 'print JSON' }

/** Where files go. */
export const outOption: OptionSpec = { flag: '--out', takes: 'DIR', help: 'directory for the files; made when missing', default: '.' }

/** Overwrites keys. */
export const forceOption: OptionSpec = { flag: '--force', help: 'overwrite a key or certificate that is already there' }

/** SDKs that a connection snippet exists for. */
export const sdks = ['node', 'python', 'csharp', 'java', 'c', 'mosquitto'] as const
