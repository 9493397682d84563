import { systemClock, systemRandom } from '#base'
import { openJournal, systemDisk } from '#journal'
import { keyWrap } from './key-wrap.ts'

// A process to be killed: appends records for ever, each saying its own offset, and prints every durable end. Arguments: directory.
const ports = { disk: systemDisk, clock: systemClock, random: systemRandom, ...keyWrap('vault', systemRandom) }
const config = { directory: process.argv[2] ?? '', segmentBytes: 256 * 1024, retentionBytes: Infinity, retentionMs: Infinity }
const journal = await openJournal(config, ports, new AbortController().signal)
const fill = () => {
  while (!journal.paused && journal.end - journal.durableEnd < 300) journal.append(Buffer.from(`record ${journal.end}`))
}
journal.onDurable((end) => {
  process.stdout.write(`${end}\n`)
  fill()
})
fill()
