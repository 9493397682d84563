import { Secret, systemClock } from '#base'
import { openStore } from '#store'
import { suiteMigrations } from './store-suite.ts'

// A process to be killed: commits rows for ever and says each number that was acknowledged. Arguments: file.
const file = process.argv[2] ?? ''
const key = new Secret(Buffer.alloc(32, 7))
await using store = await openStore({ file, key, migrations: suiteMigrations }, { clock: systemClock }, new AbortController().signal)
for (let i = 0; ; i += 3) {
  const turn = [i, i + 1, i + 2].map(async (n) => {
    const outcome = await store.commit([{ sql: 'INSERT INTO thing (id, size) VALUES (?, ?)', args: [String(n), n] }])
    if (outcome.ok) process.stdout.write(`${n}\n`)
  })
  await Promise.all(turn)
}
