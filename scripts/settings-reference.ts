// Writes docs/settings.md from the schema of the settings file. A test compares.
import { writeFileSync } from 'node:fs'
import { settingsPage } from '#server'

writeFileSync(new URL('../docs/settings.md', import.meta.url), settingsPage())
