import { join } from 'node:path'
import { systemClock, systemRandom } from '#base'
import { openStore } from '#store'
import { keyDisk, openVault } from '#vault'

// A program for tests: `node policy-damage.ts DATA KEYFILE FROM TO` changes the text of applied policies in the rows of a hub that is not running,
// behind its back.
const [dataDirectory = '', keyFile = '', from = '', to = ''] = process.argv.slice(2)
const opened = await openVault({ keyFile, dataDirectory, mayCreate: false }, { disk: keyDisk, random: systemRandom })
if (!opened.ok) throw new Error(opened.error.message)
using vault = opened.value
using key = vault.dataKey('store')
const config = { file: join(dataDirectory, 'hub.db'), key, migrations: [] }
await using store = await openStore(config, { clock: systemClock }, new AbortController().signal)
await store.commit([{ sql: 'UPDATE policy_documents SET text = replace(text, ?, ?)', args: [from, to] }])
