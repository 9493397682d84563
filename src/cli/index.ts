export { completionScript } from './commands/completion.ts'
export { helpOf } from './program.ts'
export { referencePage } from './reference.ts'
export { tree } from './tree.ts'
