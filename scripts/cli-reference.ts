// Writes docs/cli.md from the command tree. A test compares.
import { writeFileSync } from 'node:fs'
import { referencePage, tree } from '#cli'

writeFileSync(new URL('../docs/cli.md', import.meta.url), await referencePage(tree))
