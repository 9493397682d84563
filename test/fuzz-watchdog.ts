import { writeSync } from 'node:fs'
import { workerData } from 'node:worker_threads'

const { shared, seed, patienceMs }: { readonly shared: SharedArrayBuffer; readonly seed: number; readonly patienceMs: number } = workerData
const header = new Int32Array(shared, 0, 2)
let last = -1
let since = performance.now()

setInterval(() => {
  const now = Atomics.load(header, 0)
  if (now !== last) {
    last = now
    since = performance.now()
  } else if (performance.now() - since > patienceMs) {
    const input = Buffer.from(shared, 8, Math.min(Atomics.load(header, 1), shared.byteLength - 8))
    writeSync(2, `fuzzing stands still (seed ${seed}) on ${input.toString('hex')}\n`)
    process.kill(process.pid, 'SIGKILL')
  }
}, 500)
