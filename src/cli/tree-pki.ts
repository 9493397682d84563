import type { CommandSpec } from './spec.ts'
import { rotateCommand } from './tree-rotate.ts'
import { acmeCommand } from './tree-acme.ts'
import { authorityCommands } from './tree-authorities.ts'
import { codeCommand } from './tree-code.ts'

/** `pki`: certificates, and how devices come by them. */
export const pkiCommands: readonly CommandSpec[] = [
  {
    name: 'pki',
    summary: 'Certificates, and how devices come by them',
    examples: [['thingwall pki code add pump-1 --expires 1h', 'let a device fetch its certificate over EST']],
    commands: [...authorityCommands, rotateCommand, codeCommand, acmeCommand],
  },
]
